// Twice what the millisecond of Date.now() and a busy moment between two readings make.
const DRIFT_MAX_MS = 5

/**
 * The clock of all spans of this process: that of `performance.now()`, which knows fractions and never jumps, moved to where
 * the system's clock is. So what is inside of another span here is inside of it there, whoever measured it.
 */
export const createSpanClock = () => {
  const readOffset = (): number => Date.now() - performance.now()
  let offsetMs = readOffset()
  return {
    /** Epoch ms of a moment that `performance.now()` has told. */
    at: (moment: number): number => moment + offsetMs,
    /** Follows the system's clock, which is set now and then; between the spans of one trace it would tear them apart. */
    sync(): void {
      const now = readOffset()
      if (Math.abs(now - offsetMs) > DRIFT_MAX_MS) offsetMs = now
    },
  }
}
