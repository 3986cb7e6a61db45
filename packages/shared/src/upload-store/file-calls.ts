import { setTimeout as sleep } from 'node:timers/promises'
import { storeError } from './store-error.ts'

// Node does all file calls on four threads, and looks up host names there too: the last one is never given away.
const RUNNING_MAX = 3
const END_WAIT_MS = 1000

/**
 * Calls to a file system that may hang, as a network file system does with its server away. Such a call is given up, but
 * holds its thread until it is answered: so only some may run at the same time, the others wait for their turn.
 */
const createFileCalls = () => {
  const running = new Set<Promise<void>>()
  const waiting = new Set<() => void>()
  let givenUp = 0

  const startNext = (): void => {
    const [start] = waiting
    if (start === undefined) return
    waiting.delete(start)
    start()
  }

  return {
    /** What the calls return, which `run` makes one after the other; rejects when that, and the wait, takes too long. */
    guard: <T>(run: () => Promise<T>, timeoutMs: number): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        const fail = (thrown: unknown): void => reject(storeError(thrown))
        if (givenUp === RUNNING_MAX) return fail(new Error('the file system does not answer'))
        let isStarted = false
        let isGivenUp = false
        const start = (): void => {
          isStarted = true
          const call = run()
            .then(resolve, fail)
            .finally(() => {
              clearTimeout(timer)
              running.delete(call)
              if (isGivenUp) givenUp -= 1
              startNext()
            })
          running.add(call)
        }
        const timer = setTimeout(() => {
          waiting.delete(start)
          isGivenUp = isStarted
          if (isGivenUp) givenUp += 1
          fail(new Error(`the file system did not answer within ${timeoutMs / 1000} s`))
        }, timeoutMs)
        if (running.size < RUNNING_MAX) start()
        else waiting.add(start)
      }),

    countRunning: (): number => running.size,

    /** Waits a moment for those that are running. */
    async settle(): Promise<void> {
      await Promise.race([Promise.all(running), sleep(END_WAIT_MS, undefined, { ref: false })])
    },
  }
}

/** Of this process, as its threads are, however many stores it opens. */
export const fileCalls = createFileCalls()
