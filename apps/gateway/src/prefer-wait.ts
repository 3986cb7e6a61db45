export const WAIT_SECONDS_MAX = 60

/**
 * Seconds of `wait=n` in a Prefer header (RFC 7240), at most 60; null without one. What cannot be understood is
 * ignored, as the RFC asks.
 */
export const parsePreferWait = (header: string | string[] | undefined): number | null => {
  const text = [header ?? []].flat().join(',')
  const match = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])/i.exec(text)
  return match?.[1] === undefined ? null : Math.min(Number(match[1]), WAIT_SECONDS_MAX)
}
