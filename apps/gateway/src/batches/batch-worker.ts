import { BATCH_QUEUE_NAME } from '@menagerie/contract/job'
import { createErrorLog } from '@menagerie/shared/error-log'
import type { RedisConnection } from '@menagerie/shared/redis'
import { Worker } from 'bullmq'
import type { Logger } from 'pino'
import type { WatchBatch } from './watch-batch.ts'

const CONCURRENCY = 4
const LOCK_MS = 30_000
const STALLED_INTERVAL_MS = 5000
// Not the batch's fault: it is watched however often gateways die.
const STALLED_COUNT_MAX = 1000

/** Consumer of the `batches` queue, in every gateway that delivers webhooks. */
export const createBatchWorker = (
  deps: { redis: RedisConnection; watchBatch: WatchBatch; log: Logger },
  options: { prefix: string },
): Worker => {
  const worker = new Worker(BATCH_QUEUE_NAME, (job, token) => deps.watchBatch(job, token), {
    connection: deps.redis,
    prefix: options.prefix,
    concurrency: CONCURRENCY,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_INTERVAL_MS,
    maxStalledCount: STALLED_COUNT_MAX,
  })
  worker.on('error', createErrorLog(deps.log, 'batch queue error').report)
  worker.on('failed', (job, err) => deps.log.warn({ err, jobId: job?.id }, 'batch not watched'))
  return worker
}
