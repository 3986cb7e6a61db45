import { AppError } from '@menagerie/contract/errors'
import {
  JOB_PRIORITY,
  PREDICT_JOB_NAME,
  predictQueueName,
  WEBHOOK_JOB_NAME,
  WEBHOOK_QUEUE_NAME,
  WebhookJobData,
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
  /** Takes a prediction back that no worker has taken yet. */
  remove(model: string, id: string): Promise<void>
  /** Removes the job that delivers a webhook, not its prediction; resolves with false while it is being delivered. */
  removeWebhook(webhookJobId: string): Promise<boolean>
  /** Where the webhook of a job goes; null when that job is gone. */
  findWebhook(webhookJobId: string): Promise<{ url: string; baseUrl: string } | null>
  close(): Promise<void>
}

export type JobQueueOptions = {
  prefix: string
  webhookAttempts: number
} & RetentionOptions

// Errors of ours are worth no retry; what is left is Redis or a lost inference thread.
const PREDICT_ATTEMPTS = 3
const PREDICT_RETRY_DELAY_MS = 500
const WEBHOOK_KEPT_S = 7 * 24 * 3600

/** The gateway's producing side of BullMQ. */
export const createJobQueue = (
  deps: { redis: RedisConnection; log: Logger },
  options: JobQueueOptions,
): JobQueue => {
  const { redis } = deps
  const connection = { connection: redis, prefix: options.prefix }
  const queues = new Map<string, Queue>()
  const onError = createErrorLog(deps.log, 'queue error').report
  const flows = new FlowProducer(connection)
  flows.on('error', onError)
  const loadScripts = createScriptLoader(redis, () => flows.waitUntilReady())

  const openQueue = (name: string): Queue => {
    const known = queues.get(name)
    if (known !== undefined) return known
    const queue = new Queue(name, connection)
    queue.on('error', onError)
    queues.set(name, queue)
    return queue
  }

  /** A BullMQ queue whose first command fails remembers that for ever; the next prediction gets a new one. */
  const forgetQueue = (name: string): void => {
    const queue = queues.get(name)
    queues.delete(name)
    queue?.close().catch(() => undefined)
  }

  const addAlone = async (id: string, data: PredictJobData): Promise<void> => {
    const name = predictQueueName(data.model)
    try {
      await openQueue(name).add(PREDICT_JOB_NAME, data, predictOptions(id, data))
    } catch (error) {
      forgetQueue(name)
      throw error
    }
  }

  const keepFor = (ms: number) => ({ age: Math.ceil(ms / 1000) })
  const predictOptions = (id: string, data: PredictJobData): JobsOptions => ({
    jobId: id,
    priority: data.known === undefined ? JOB_PRIORITY.ordinary : JOB_PRIORITY.known,
    attempts: PREDICT_ATTEMPTS,
    backoff: { type: 'exponential', delay: PREDICT_RETRY_DELAY_MS, jitter: 0.5 },
    removeOnComplete: keepFor(options.resultTtlMs),
    // What was canceled or has expired is among those that failed; the sweeper takes it out sooner.
    removeOnFail: keepFor(Math.max(options.resultTtlMs, options.deadLetterTtlMs)),
    stackTraceLimit: 3,
  })

  const addWithWebhook = async (id: string, data: PredictJobData, webhook: WebhookJobData): Promise<void> => {
    const queueName = predictQueueName(data.model)
    const jobId = webhookId(data.idempotency?.submission_id ?? id)
    const flow: FlowJob = {
      name: WEBHOOK_JOB_NAME,
      queueName: WEBHOOK_QUEUE_NAME,
      data: webhook,
      opts: {
        jobId,
        attempts: options.webhookAttempts,
        backoff: { type: 'custom' },
        removeOnComplete: { age: WEBHOOK_KEPT_S },
        removeOnFail: { age: WEBHOOK_KEPT_S },
        stackTraceLimit: 1,
      },
      // Without `ignoreDependencyOnFailure` a failed prediction would leave its webhook waiting for ever.
      children: [
        {
          name: PREDICT_JOB_NAME,
          queueName,
          data,
          opts: { ...predictOptions(id, data), ignoreDependencyOnFailure: true },
        },
      ],
    }
    await loadScripts()
    await flows.add(flow)
    // FlowProducer looks at the parent's reply only.
    if ((await redis.exists(jobKey(options.prefix, queueName, id))) === 0) {
      await openQueue(WEBHOOK_QUEUE_NAME).remove(jobId, { removeChildren: false })
      throw new AppError('queue_unavailable', 'the queue did not take the prediction; try again')
    }
  }

  return {
    add: (id, data, webhook) =>
      guardRedis(async () => {
        // Until Redis has been there once, BullMQ's add() waits for it without end.
        if (redis.status !== 'ready') throw new Error(`redis connection is ${redis.status}`)
        if (webhook !== null) return addWithWebhook(id, data, webhook)
        return addAlone(id, data)
      }),
    async remove(model, id) {
      await openQueue(predictQueueName(model)).remove(id)
    },
    async removeWebhook(webhookJobId) {
      return (await openQueue(WEBHOOK_QUEUE_NAME).remove(webhookJobId, { removeChildren: false })) === 1
    },
    async findWebhook(webhookJobId) {
      const job = await openQueue(WEBHOOK_QUEUE_NAME).getJob(webhookJobId)
      const data: unknown = job?.data
      return Value.Check(WebhookJobData, data) ? { url: data.url, baseUrl: data.base_url } : null
    },
    async close() {
      await Promise.all([flows.close(), ...Array.from(queues.values(), (queue) => queue.close())])
    },
  }
}
