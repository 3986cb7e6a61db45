import { WEBHOOK_QUEUE_NAME, type WebhookJobData } from '@menagerie/contract/job'
import { createErrorLog } from '@menagerie/shared/error-log'
import { traceIdsOf } from '@menagerie/tracing/trace-context'
import { Worker, type Processor } from 'bullmq'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { Logger } from 'pino'
import { createRetryDelay } from './retry-delay.ts'

// Several times what one host may have.
const CONCURRENCY = 100
// Renewed all the time, as the event loop is never blocked: what a dead gateway had in its hands is taken over soon.
const LOCK_MS = 15_000
const STALLED_INTERVAL_MS = 5000
// Not the webhook's fault: it is tried again however often its gateway dies.
const STALLED_COUNT_MAX = 1000

/** Consumer of the `webhooks` queue. It runs in the gateway, so a slow receiver never holds an inference slot. */
export const createWebhookWorker = (
  deps: { redis: RedisConnection; process: Processor; log: Logger },
  options: { prefix: string; retryDelaysMs: readonly number[] },
): Worker => {
  const worker = new Worker(WEBHOOK_QUEUE_NAME, deps.process, {
    connection: deps.redis,
    prefix: options.prefix,
    concurrency: CONCURRENCY,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_INTERVAL_MS,
    maxStalledCount: STALLED_COUNT_MAX,
    settings: { backoffStrategy: createRetryDelay(options.retryDelaysMs) },
  })
  worker.on('error', createErrorLog(deps.log, 'webhook queue error').report)
  worker.on('failed', (job, err) => {
    const isLast = job?.finishedOn !== undefined
    const data = job?.data as Partial<WebhookJobData> | undefined
    const ids = traceIdsOf(data?.trace ?? data?.prediction?.trace)
    const about = { jobId: job?.id, predictionId: data?.prediction_id, ...ids }
    deps.log.warn({ err, ...about, isLast }, isLast ? 'webhook given up' : 'webhook attempt failed')
  })
  return worker
}
