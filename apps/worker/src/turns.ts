import { listenForAbort } from '@menagerie/inference/listen-for-abort'

/** Runs tasks one at a time, in the order in which they were handed in; a signal ends the wait, not the task. */
export const createTurns = () => {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    const previous = last
    const { aborted, stop } = listenForAbort(signal)
    const turn = Promise.race([aborted, previous]).finally(stop).then(task)
    // Who leaves the line early must not let the next one pass whoever runs.
    last = Promise.allSettled([previous, turn])
    return turn
  }
}
