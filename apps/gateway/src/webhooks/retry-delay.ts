/** Of an attempt that failed and may be repeated. */
export class DeliveryError extends Error {
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs: number) {
    super(message)
    this.name = 'DeliveryError'
    this.retryAfterMs = retryAfterMs
  }
}

// Of each delay, at the most: what failed together must not come back together.
const JITTER = 0.2

/** How long the whole schedule takes at the most, where no receiver asks for more. */
export const sumDelaysMs = (delaysMs: readonly number[]): number =>
  delaysMs.reduce((sum, delayMs) => sum + delayMs * (1 + JITTER), 0)

/**
 * The wait before the next attempt, as BullMQ asks for it: that of the schedule, or longer where the receiver asked for
 * it; -1 after the last one.
 */
export const createRetryDelay =
  (delaysMs: readonly number[]) =>
  (attemptsMade: number, _type?: string, error?: Error): number => {
    const delayMs = delaysMs[attemptsMade - 1]
    if (delayMs === undefined) return -1
    const retryAfterMs = error instanceof DeliveryError ? error.retryAfterMs : 0
    return Math.ceil(Math.max(delayMs * (1 + Math.random() * JITTER), retryAfterMs))
  }
