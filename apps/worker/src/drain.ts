import type { Worker } from 'bullmq'
import type { Logger } from 'pino'
import { HAND_BACK } from './process-job.ts'

/**
 * Stops a consumer without losing or delaying work: takes nothing new, finishes what it can within `timeoutMs`,
 * and hands the rest back at once. `worker.close()` alone would wait for ever.
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
  try {
    await closing
  } finally {
    clearTimeout(timer)
  }
}
