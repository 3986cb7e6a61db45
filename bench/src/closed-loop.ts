export interface LoopResult {
  /** Completed per second while all lanes were busy: the first and the last round of the lanes do not count. */
  rate: number
  latenciesMs: number[]
}

type Task = (index: number) => Promise<void>

/** At least this many rounds of the lanes: the first and the last are left out. */
const ROUNDS_MIN = 4

const runLanes = async (
  inFlight: number,
  task: Task,
  goesOn: (started: number) => boolean,
): Promise<LoopResult> => {
  const latenciesMs: number[] = []
  const endedAt: number[] = []
  let started = 0
  const runLane = async (): Promise<void> => {
    while (goesOn(started)) {
      const index = started++
      const startedAt = performance.now()
      await task(index)
      endedAt.push(performance.now())
      latenciesMs.push(performance.now() - startedAt)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, runLane))
  const first = endedAt[inFlight - 1] ?? Number.NaN
  const last = endedAt[started - inFlight - 1] ?? Number.NaN
  return { rate: ((started - 2 * inFlight) / (last - first)) * 1000, latenciesMs }
}

/**
 * Runs `task` `count` times with `inFlight` at any moment: the next one starts when one ends. `count` must be more
 * than three rounds of the lanes.
 */
export const runClosedLoop = (count: number, inFlight: number, task: Task): Promise<LoopResult> =>
  runLanes(inFlight, task, (started) => started < count)

/** The same for a time, in ms, and for four rounds of the lanes at least. */
export const runClosedLoopFor = (timeMs: number, inFlight: number, task: Task): Promise<LoopResult> => {
  const endsAt = performance.now() + timeMs
  return runLanes(inFlight, task, (started) => started < ROUNDS_MIN * inFlight || performance.now() < endsAt)
}
