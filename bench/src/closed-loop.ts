export interface LoopResult {
  /** Completed per second while all lanes were busy: the first and the last round of the lanes do not count. */
  rate: number
  latenciesMs: number[]
}

/**
 * Runs `task` `count` times with `inFlight` at any moment: the next one starts when one ends. `count` must be more
 * than three rounds of the lanes.
 */
export const runClosedLoop = async (
  count: number,
  inFlight: number,
  task: (index: number) => Promise<void>,
): Promise<LoopResult> => {
  const latenciesMs: number[] = []
  const endedAt: number[] = []
  let next = 0
  const runLane = async (): Promise<void> => {
    while (next < count) {
      const index = next++
      const startedAt = performance.now()
      await task(index)
      endedAt.push(performance.now())
      latenciesMs.push(performance.now() - startedAt)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, runLane))
  const first = endedAt[inFlight - 1] ?? Number.NaN
  const last = endedAt[count - inFlight - 1] ?? Number.NaN
  return { rate: ((count - 2 * inFlight) / (last - first)) * 1000, latenciesMs }
}
