// Whoever asks for more than this is asked again all the same.
const RETRY_AFTER_MAX_MS = 6 * 3_600_000

/** The wait that a `Retry-After` header asks for (RFC 9110, 10.2.3: seconds or a date), ms; 0 where it asks for none. */
export const parseRetryAfterMs = (header: string | string[] | undefined, nowMs: number): number => {
  if (typeof header !== 'string') return 0
  const text = header.trim()
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs
  return Number.isNaN(waitMs) ? 0 : Math.min(Math.max(waitMs, 0), RETRY_AFTER_MAX_MS)
}
