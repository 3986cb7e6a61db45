import { DeliveryAttempt, type Delivery } from '@menagerie/contract/delivery'
import { AppError } from '@menagerie/contract/errors'
import { WEBHOOK_QUEUE_NAME, type WebhookJobData } from '@menagerie/contract/job'
import { createRecord, type JobRecord } from '@menagerie/contract/job-record'
import { jobKey } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { Job } from 'bullmq'
import { Compile } from 'typebox/compile'
import { guardRedis } from '../guard-redis.ts'
import type { JobQueue } from '../job-queue.ts'
import type { RecordReader } from '../record-reader.ts'
import { eventOf, numberOf, type WebhookJob, type WebhookJobs } from './webhook-jobs.ts'

/** The webhooks of a prediction. */
export interface FoundDeliveries {
  /** Of the prediction; as it was accepted, where it is gone. */
  record: JobRecord
  jobs: WebhookJob[]
}

export interface Deliveries {
  /**
   * Finds the webhooks of a prediction, also when its own record is gone; null when nothing is left of it.
   *
   * @throws AppError `queue_unavailable`
   */
  find(predictionId: string): Promise<FoundDeliveries | null>
  /** What became of them so far, in the order of their numbers. */
  view(found: FoundDeliveries): Promise<Delivery[]>
  /**
   * Sends one once more, at once unless its host is down or busy, with all attempts anew; one that waits for its next
   * attempt just does not wait longer.
   *
   * @throws AppError `delivery_not_found`, `delivery_not_due`, `queue_unavailable`
   */
  redeliver(found: FoundDeliveries, n: number): Promise<Delivery>
}

const deliveryAttempt = Compile(DeliveryAttempt)

// BullMQ's score of what is delayed is its time, ms, with room for 4096 of the same.
const DELAYED_SCORE_PER_MS = 4096

/** Where a job stands: times are epoch ms, null where it does not stand there. */
interface Place {
  completedAt: string | null
  failedAt: string | null
  delayedUntil: number | null
  hasToWait: boolean
}

/** With the old time it could be given up at once. */
const renewDueTime = (job: Job<WebhookJobData>): Promise<void> => {
  const { due_at: _, ...data } = job.data
  return job.updateData(data)
}

/** Sends what was settled again, from the start of its schedule. */
export const sendAgain = async (job: Job<WebhookJobData>, state: 'completed' | 'failed'): Promise<void> => {
  await renewDueTime(job)
  await job.retry(state, { resetAttemptsMade: true })
}

export const createDeliveries = (
  deps: { redis: RedisConnection; reader: RecordReader; queue: JobQueue; webhookJobs: WebhookJobs },
  options: { prefix: string },
): Deliveries => {
  const { redis } = deps
  const keyOf = (name: string): string => jobKey(options.prefix, WEBHOOK_QUEUE_NAME, name)

  const findPlace = async (id: string): Promise<Place> => {
    const [completedAt, failedAt, delayed, waiting] = await Promise.all(
      ['completed', 'failed', 'delayed', 'waiting-children'].map((name) => redis.zscore(keyOf(name), id)),
    )
    return {
      completedAt: completedAt ?? null,
      failedAt: failedAt ?? null,
      delayedUntil: typeof delayed === 'string' ? Math.floor(Number(delayed) / DELAYED_SCORE_PER_MS) : null,
      hasToWait: typeof waiting === 'string',
    }
  }

  const readAttempts = async (job: Job): Promise<DeliveryAttempt[]> => {
    const { logs } = await deps.queue.useWebhooks((queue) => queue.getJobLogs(job.id ?? ''))
    const attempts: unknown[] = logs.map((line) => JSON.parse(line))
    return attempts.filter((attempt) => deliveryAttempt.Check(attempt))
  }

  const viewOne = async (webhook: WebhookJob): Promise<Delivery> => {
    const [place, attempts] = await Promise.all([findPlace(webhook.id), readAttempts(webhook.job)])
    const { completedAt, failedAt, delayedUntil } = place
    const settled = completedAt !== null ? 'delivered' : 'failed'
    return {
      n: numberOf(webhook),
      webhook_id: webhook.id,
      event: eventOf(webhook.job.data),
      status: completedAt === null && failedAt === null ? 'pending' : settled,
      attempts,
      next_attempt_at: delayedUntil === null ? null : new Date(delayedUntil).toISOString(),
    }
  }

  const push = async (webhook: WebhookJob): Promise<void> => {
    const place = await findPlace(webhook.id)
    if (place.hasToWait) throw new AppError('delivery_not_due', 'the prediction has not ended yet')
    // Read anew: what was read before may be without the body that was sent since.
    const job = await deps.queue.useWebhooks((queue) => queue.getJob(webhook.id))
    if (job === undefined) return undefined
    if (place.delayedUntil !== null) {
      await renewDueTime(job)
      return job.promote()
    }
    if (place.completedAt !== null) return sendAgain(job, 'completed')
    if (place.failedAt !== null) return sendAgain(job, 'failed')
    // What is in line or on its way is sent without being asked.
    return undefined
  }

  return {
    find: (id) =>
      guardRedis(async () => {
        const found = await deps.reader.find(id)
        if (found?.isDeleted === true) return null
        const jobs = await deps.webhookJobs.find(id, found)
        if (found !== null && !found.isHidden) return { record: found.record, jobs }
        const [first] = jobs
        if (first === undefined) return null
        return { record: createRecord(id, first.prediction, first.job.timestamp), jobs }
      }),

    view: ({ jobs }) => guardRedis(() => Promise.all(jobs.map(viewOne))),

    redeliver: ({ jobs }, n) =>
      guardRedis(async () => {
        const webhook = jobs.find((job) => numberOf(job) === n)
        if (webhook === undefined) {
          throw new AppError('delivery_not_found', 'this prediction has no delivery with this number')
        }
        await push(webhook).catch(async (error: unknown) => {
          // Somebody else, or its time, was faster: then it is on its way.
          const { completedAt, failedAt, hasToWait } = await findPlace(webhook.id)
          if (completedAt !== null || failedAt !== null || hasToWait) throw error
        })
        return viewOne(webhook)
      }),
  }
}
