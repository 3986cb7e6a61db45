import { AppError } from '@menagerie/contract/errors'
import {
  BATCH_JOB_NAME,
  BATCH_QUEUE_NAME,
  JOB_PRIORITY,
  PREDICT_JOB_NAME,
  predictQueueName,
  WEBHOOK_JOB_NAME,
  WEBHOOK_JOB_OPTIONS,
  WEBHOOK_QUEUE_NAME,
  WebhookJobData,
  type BatchWatchData,
  type PredictJobData,
} from '@menagerie/contract/job'
import { webhookId } from '@menagerie/contract/webhook'
import { createErrorLog } from '@menagerie/shared/error-log'
import { jobKey } from '@menagerie/shared/keys'
import { FlowProducer, Queue, type FlowJob, type JobsOptions } from 'bullmq'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { Logger } from 'pino'
import Value from 'typebox/value'
import type { RetentionOptions } from './expiry.ts'
import type { FairOrder } from './fair-order.ts'
import { guardRedis } from './guard-redis.ts'
import { createScriptLoader } from './script-loader.ts'

export interface JobQueue {
  /**
   * Puts a prediction into its queue; with a webhook, as the child of the job that delivers it. Resolves once
   * Redis has it.
   *
   * @throws AppError `queue_unavailable`, `queue_full`
   */
  add(id: string, data: PredictJobData, webhook: WebhookJobData | null): Promise<void>
  /** Whether there is a job with this id. */
  has(model: string, id: string): Promise<boolean>
  /** Takes a prediction back that no worker has taken yet. */
  remove(model: string, id: string): Promise<void>
  /** Removes the job that delivers a webhook, not its prediction; resolves with false while it is being delivered. */
  removeWebhook(webhookJobId: string): Promise<boolean>
  /** Has a webhook delivered that reports no prediction; once, however often it is asked for with one id. */
  addWebhook(webhookJobId: string, data: WebhookJobData): Promise<void>
  /** Has the end of a batch watched for; once, however often it is asked for. */
  addBatchWatch(data: BatchWatchData): Promise<void>
  /** Does something with the queue of webhooks. */
  useWebhooks<T>(use: (queue: Queue) => Promise<T>): Promise<T>
  /** What a job that delivers a webhook has to deliver; null when it is gone. */
  readWebhook(webhookJobId: string): Promise<WebhookJobData | null>
  close(): Promise<void>
}

export type JobQueueOptions = { prefix: string } & RetentionOptions

// Errors of ours are worth no retry; what is left is Redis or a lost inference thread.
const PREDICT_ATTEMPTS = 3
const PREDICT_RETRY_DELAY_MS = 500
// It fails only while Redis does.
const BATCH_WATCH_ATTEMPTS = 100_000
const BATCH_WATCH_RETRY_DELAY_MS = 1000

/** The gateway's producing side of BullMQ. */
export const createJobQueue = (
  deps: { redis: RedisConnection; fairOrder: FairOrder; log: Logger },
  options: JobQueueOptions,
): JobQueue => {
  const { redis } = deps
  const connection = { connection: redis, prefix: options.prefix }
  const queues = new Map<string, Queue>()
  const onError = createErrorLog(deps.log, 'queue error').report
  const openFlows = (): FlowProducer => {
    const opened = new FlowProducer(connection)
    opened.on('error', onError)
    return opened
  }
  let flows = openFlows()
  const loadScripts = createScriptLoader(redis, () => flows.waitUntilReady())

  const openQueue = (name: string): Queue => {
    const known = queues.get(name)
    if (known !== undefined) return known
    const queue = new Queue(name, connection)
    queue.on('error', onError)
    queues.set(name, queue)
    return queue
  }

  /** The same as for a queue, below. */
  const renewFlows = (): void => {
    flows.close().catch(() => undefined)
    flows = openFlows()
  }

  /** A BullMQ queue whose first command fails remembers that for ever; the next prediction gets a new one. */
  const forgetQueue = (name: string): void => {
    const queue = queues.get(name)
    queues.delete(name)
    queue?.close().catch(() => undefined)
  }

  /** Until Redis has been there once, BullMQ waits for it without end. */
  const requireConnection = (): void => {
    if (redis.status !== 'ready') throw new Error(`redis connection is ${redis.status}`)
  }

  const useQueue = async <T>(name: string, use: (queue: Queue) => Promise<T>): Promise<T> => {
    requireConnection()
    try {
      return await use(openQueue(name))
    } catch (error) {
      forgetQueue(name)
      throw error
    }
  }

  const removeWebhook = (webhookJobId: string): Promise<boolean> =>
    useQueue(
      WEBHOOK_QUEUE_NAME,
      async (queue) => (await queue.remove(webhookJobId, { removeChildren: false })) === 1,
    )

  const takePlace = async (data: PredictJobData): Promise<number> => {
    if (data.known !== undefined) return JOB_PRIORITY.known
    requireConnection()
    return deps.fairOrder.takeTag(data.model, data)
  }

  const addAlone = async (id: string, data: PredictJobData): Promise<void> => {
    const priority = await takePlace(data)
    const add = (queue: Queue) => queue.add(PREDICT_JOB_NAME, data, predictOptions(id, priority))
    await useQueue(predictQueueName(data.model), add)
  }

  const keepFor = (ms: number) => ({ age: Math.ceil(ms / 1000) })
  const predictOptions = (id: string, priority: number): JobsOptions => ({
    jobId: id,
    priority,
    attempts: PREDICT_ATTEMPTS,
    backoff: { type: 'exponential', delay: PREDICT_RETRY_DELAY_MS, jitter: 0.5 },
    removeOnComplete: keepFor(options.resultTtlMs),
    // What was canceled or has expired is among those that failed; the sweeper takes it out sooner.
    removeOnFail: keepFor(Math.max(options.resultTtlMs, options.deadLetterTtlMs)),
    stackTraceLimit: 3,
  })

  const batchWatchOptions = (jobId: string): JobsOptions => ({
    jobId,
    attempts: BATCH_WATCH_ATTEMPTS,
    backoff: { type: 'fixed', delay: BATCH_WATCH_RETRY_DELAY_MS },
    removeOnComplete: true,
    removeOnFail: true,
    stackTraceLimit: 1,
  })

  const addWithWebhook = async (id: string, data: PredictJobData, webhook: WebhookJobData): Promise<void> => {
    const priority = await takePlace(data)
    const queueName = predictQueueName(data.model)
    const jobId = webhookId(data.idempotency?.submission_id ?? id)
    const flow: FlowJob = {
      name: WEBHOOK_JOB_NAME,
      queueName: WEBHOOK_QUEUE_NAME,
      data: webhook,
      opts: { ...WEBHOOK_JOB_OPTIONS, jobId },
      // Without `ignoreDependencyOnFailure` a failed prediction would leave its webhook waiting for ever.
      children: [
        {
          name: PREDICT_JOB_NAME,
          queueName,
          data,
          opts: { ...predictOptions(id, priority), ignoreDependencyOnFailure: true },
        },
      ],
    }
    requireConnection()
    try {
      await loadScripts()
      await flows.add(flow)
    } catch (error) {
      renewFlows()
      throw error
    }
    // FlowProducer looks at the parent's reply only.
    if ((await redis.exists(jobKey(options.prefix, queueName, id))) === 0) {
      await removeWebhook(jobId)
      throw new AppError('queue_unavailable', 'the queue did not take the prediction; try again')
    }
  }

  return {
    add: (id, data, webhook) =>
      guardRedis(async () => {
        if (webhook !== null) return addWithWebhook(id, data, webhook)
        return addAlone(id, data)
      }),
    has: async (model, id) => (await redis.exists(jobKey(options.prefix, predictQueueName(model), id))) === 1,
    async remove(model, id) {
      await useQueue(predictQueueName(model), (queue) => queue.remove(id))
    },
    removeWebhook,
    async addWebhook(webhookJobId, data) {
      const opts = { ...WEBHOOK_JOB_OPTIONS, jobId: webhookJobId }
      await useQueue(WEBHOOK_QUEUE_NAME, (queue) => queue.add(WEBHOOK_JOB_NAME, data, opts))
    },
    async addBatchWatch(data) {
      const opts = batchWatchOptions(data.submission_id)
      await useQueue(BATCH_QUEUE_NAME, (queue) => queue.add(BATCH_JOB_NAME, data, opts))
    },
    useWebhooks: (use) => useQueue(WEBHOOK_QUEUE_NAME, use),
    readWebhook: (webhookJobId) =>
      useQueue(WEBHOOK_QUEUE_NAME, async (queue) => {
        const job = await queue.getJob(webhookJobId)
        const data: unknown = job?.data
        return Value.Check(WebhookJobData, data) ? data : null
      }),
    async close() {
      await Promise.all([flows.close(), ...Array.from(queues.values(), (queue) => queue.close())])
    },
  }
}
