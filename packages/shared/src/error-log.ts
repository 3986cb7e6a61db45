import type { Logger } from 'pino'

const REPEATED_ERROR_MS = 30_000

/**
 * For errors that come by the hundred during an outage (a full Redis makes a worker emit 135 a second): the first one
 * is logged, and then one every 30 s.
 */
export const createErrorLog = (log: Logger, message: string, details: Record<string, unknown> = {}) => {
  let lastLoggedAt = 0
  return {
    report: (err: Error): void => {
      if (Date.now() - lastLoggedAt < REPEATED_ERROR_MS) return
      lastLoggedAt = Date.now()
      log.error({ err, ...details }, message)
    },
    /** It is over: the next error is logged at once. Returns whether there was one. */
    settle: (): boolean => {
      const wasLogged = lastLoggedAt !== 0
      lastLoggedAt = 0
      return wasLogged
    },
  }
}
