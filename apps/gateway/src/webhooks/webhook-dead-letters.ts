import type { WebhookDeadLetter } from '@menagerie/contract/delivery'
import { AppError } from '@menagerie/contract/errors'
import { WebhookJobData } from '@menagerie/contract/job'
import type { Job } from 'bullmq'
import { Compile } from 'typebox/compile'
import { guardRedis } from '../guard-redis.ts'
import type { JobQueue } from '../job-queue.ts'
import { sendAgain } from './deliveries.ts'
import { eventOf } from './webhook-jobs.ts'

export interface WebhookDeadLetters {
  /** The first webhooks that were given up, oldest first, no more than `limit`; and whether there are more. */
  list(limit: number): Promise<{ items: WebhookDeadLetter[]; hasMore: boolean }>
  /**
   * Sends one again, with all attempts anew.
   *
   * @throws AppError `dead_letter_not_found`, `queue_unavailable`
   */
  replay(webhookId: string): Promise<void>
}

const jobData = Compile(WebhookJobData)

const view = (job: Job): WebhookDeadLetter | null => {
  const data: unknown = job.data
  if (!jobData.Check(data) || job.id === undefined) return null
  return {
    webhook_id: job.id,
    prediction_id: data.prediction_id,
    event: data.prediction === undefined ? 'batch.completed' : eventOf(data),
    host: new URL(data.url).host,
    attempts: job.attemptsMade,
    reason: job.failedReason ?? '',
    failed_at: new Date(job.finishedOn ?? job.timestamp).toISOString(),
  }
}

/** What was given up is kept by BullMQ for as long as every webhook. */
export const createWebhookDeadLetters = (deps: {
  queue: Pick<JobQueue, 'useWebhooks'>
}): WebhookDeadLetters => ({
  list: (limit) =>
    guardRedis(async () => {
      const jobs = await deps.queue.useWebhooks((queue) => queue.getJobs(['failed'], 0, limit, true))
      const items = jobs.slice(0, limit).map(view)
      return { items: items.filter((item) => item !== null), hasMore: jobs.length > limit }
    }),

  replay: (webhookId) =>
    guardRedis(async () => {
      const job = await deps.queue.useWebhooks((queue) => queue.getJob(webhookId))
      const isFailed = job !== undefined && (await job.isFailed())
      if (!isFailed) throw new AppError('dead_letter_not_found', 'no webhook with this id was given up')
      await sendAgain(job, 'failed')
    }),
})
