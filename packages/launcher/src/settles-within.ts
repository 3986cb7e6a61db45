import { setTimeout as sleep } from 'node:timers/promises'

/** Whether a promise settles before a time is over. Leaves no timer behind. */
export const settlesWithin = async (promise: Promise<unknown>, timeoutMs: number): Promise<boolean> => {
  const timer = new AbortController()
  const settled = promise.then(
    () => true,
    () => true,
  )
  const late = sleep(timeoutMs, false, { signal: timer.signal }).catch(() => false)
  try {
    return await Promise.race([settled, late])
  } finally {
    timer.abort()
  }
}
