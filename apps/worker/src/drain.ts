import type { Worker } from 'bullmq'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { Logger } from 'pino'
import { setTimeout as sleep } from 'node:timers/promises'
import { HAND_BACK } from './process-job.ts'

// A job may still be on its way to this worker when the time is up.
const HAND_BACK_INTERVAL_MS = 100
// Where Redis has just gone or come back, BullMQ may wait without end for a reply that never comes.
const GIVE_UP_MS = 5000

/**
 * Stops a consumer without losing or delaying work: takes nothing new, finishes what it can within `timeoutMs`,
 * and hands the rest back at once. `worker.close()` alone would wait for ever. What cannot even be handed back is left
 * to its locks, which run out.
 */
export const drainWorker = async (
  deps: { worker: Worker; redis: RedisConnection; log: Logger },
  options: { timeoutMs: number },
): Promise<void> => {
  const { worker, redis, log } = deps
  const isQueueReachable = redis.status === 'ready'
  // With Redis away nothing can be finished or handed back, and close() would wait for it; the locks run out.
  const closing = worker.close(!isQueueReachable)
  let interval: NodeJS.Timeout | undefined
  const timer = setTimeout(() => {
    log.warn('drain time is up; handing back what is not in the model yet')
    const handBack = (): void => worker.cancelAllJobs(HAND_BACK)
    handBack()
    interval = setInterval(handBack, HAND_BACK_INTERVAL_MS)
  }, options.timeoutMs)
  const giveUp = async (): Promise<void> => {
    await sleep(options.timeoutMs + GIVE_UP_MS, undefined, { ref: false })
    log.warn('the queue does not answer; what is running is left to its locks')
  }
  try {
    await Promise.race([closing, giveUp()])
  } finally {
    clearTimeout(timer)
    clearInterval(interval)
  }
  // The call that waited for work was cut off, maybe just after it was told of some: then nobody else has been.
  if (isQueueReachable) redis.zadd(worker.toKey('marker'), 0, '0').catch(() => undefined)
}
