import { AppError } from '@menagerie/contract/errors'
import { listenForAbort } from './listen-for-abort.ts'

/** Runs a task when there is a slot for it; gives up on it after `timeoutMs`, or when the signal says so. */
export type LimitTime = <T>(task: () => Promise<T>, timeoutMs: number, signal?: AbortSignal) => Promise<T>

/**
 * A time limit for tasks that cannot be stopped. One that is given up keeps its slot until it really ends, and the
 * time of the others counts from when they get theirs: so a task that hangs fails itself alone, and no more than
 * `slots` ever run, given up or not.
 *
 * @throws AppError `decode_timeout` from the function returned; what its signal was aborted with
 */
export const createTimeLimit = (slots: number): LimitTime => {
  let free = slots
  const waiting: (() => void)[] = []
  const takeSlot = async (): Promise<void> => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
  }
  const leaveSlot = (): void => {
    const next = waiting.shift()
    if (next === undefined) free++
    else next()
  }
  const runInTime = async <T>(task: () => Promise<T>, timeoutMs: number): Promise<T> => {
    const running = task().finally(leaveSlot)
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<never>((_resolve, reject) => {
      const giveUp = (): void =>
        reject(new AppError('decode_timeout', `the image was not decoded within ${timeoutMs / 1000} s`))
      timer = setTimeout(giveUp, timeoutMs)
    })
    return Promise.race([running, timeout]).finally(() => clearTimeout(timer))
  }
  return async (task, timeoutMs, signal) => {
    const { aborted, stop } = listenForAbort(signal)
    const running = takeSlot().then(async () => {
      if (signal?.aborted !== true) return runInTime(task, timeoutMs)
      leaveSlot()
      throw signal.reason
    })
    return Promise.race([running, aborted]).finally(stop)
  }
}
