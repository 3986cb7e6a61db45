import { readCpuTimes, type CpuTimes } from './cpu-time.ts'
import { round } from './statistics.ts'

export interface CpuPerImage {
  /** The thread that the process began with, those that run the model, and all others; ms per image. */
  main: number
  model: number
  rest: number
  total: number
}

/** Adds up what the threads of some processes have run while turns of images went through them. */
export const createCpuLedger = (pids: Record<string, number>) => {
  const totals = new Map(
    Object.keys(pids).map((name): [string, CpuTimes] => [name, { mainMs: 0, niceMs: 0, restMs: 0 }]),
  )
  let images = 0
  const read = () =>
    Promise.all(Object.entries(pids).map(async ([name, pid]) => [name, await readCpuTimes(pid)] as const))

  return {
    /** Runs a turn and notes what it took; `count` images, or as many as it says afterwards. */
    async note<T>(count: number | (() => number), turn: () => Promise<T>): Promise<T> {
      const before = new Map(await read())
      const result = await turn()
      for (const [name, after] of await read()) {
        const total = totals.get(name)
        const start = before.get(name)
        if (total === undefined || start === undefined) continue
        for (const part of ['mainMs', 'niceMs', 'restMs'] as const) total[part] += after[part] - start[part]
      }
      images += typeof count === 'number' ? count : count()
      return result
    },
    /** What each process has taken per image so far. */
    perImage: (): Record<string, CpuPerImage> =>
      Object.fromEntries(
        Array.from(totals, ([name, { mainMs, niceMs, restMs }]): [string, CpuPerImage] => [
          name,
          {
            main: round(mainMs / images, 2),
            model: round(niceMs / images, 2),
            rest: round(restMs / images, 2),
            total: round((mainMs + niceMs + restMs) / images, 2),
          },
        ]),
      ),
  }
}
