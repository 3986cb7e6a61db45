import type { Worker } from 'bullmq'
import type { Logger } from 'pino'
import { setTimeout as sleep } from 'node:timers/promises'
import { HAND_BACK } from './process-job.ts'

// Where Redis has just gone or come back, BullMQ may wait without end for a reply that never comes.
const GIVE_UP_MS = 5000

/**
 * Stops a consumer without losing or delaying work: takes nothing new, finishes what it can within `timeoutMs`,
 * and hands the rest back at once. `worker.close()` alone would wait for ever. What cannot even be handed back is left
 * to its locks, which run out.
 */
export const drainWorker = async (
  worker: Worker,
  options: { timeoutMs: number; isQueueReachable: boolean; log: Logger },
): Promise<void> => {
  // With Redis away nothing can be finished or handed back, and close() would wait for it; the locks run out.
  const closing = worker.close(!options.isQueueReachable)
  const timer = setTimeout(() => {
    options.log.warn('drain time is up; handing back what is running')
    worker.cancelAllJobs(HAND_BACK)
  }, options.timeoutMs)
  const giveUp = async (): Promise<void> => {
    await sleep(options.timeoutMs + GIVE_UP_MS, undefined, { ref: false })
    options.log.warn('the queue does not answer; what is running is left to its locks')
  }
  try {
    await Promise.race([closing, giveUp()])
  } finally {
    clearTimeout(timer)
  }
}
