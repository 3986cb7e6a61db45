export interface LoopResult {
  /** Completed per second. */
  rate: number
  latenciesMs: number[]
}

/** Runs `task` `count` times with `inFlight` at any moment: the next one starts when one ends. */
export const runClosedLoop = async (
  count: number,
  inFlight: number,
  task: (index: number) => Promise<void>,
): Promise<LoopResult> => {
  const latenciesMs: number[] = []
  let next = 0
  const startedAt = performance.now()
  const runLane = async (): Promise<void> => {
    while (next < count) {
      const index = next++
      const taskStartedAt = performance.now()
      await task(index)
      latenciesMs.push(performance.now() - taskStartedAt)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, runLane))
  return { rate: (count / (performance.now() - startedAt)) * 1000, latenciesMs }
}
