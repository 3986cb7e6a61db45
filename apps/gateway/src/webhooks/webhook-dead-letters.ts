import type { WebhookDeadLetter } from '@menagerie/contract/delivery'
import { AppError } from '@menagerie/contract/errors'
import { WebhookJobData } from '@menagerie/contract/job'
import type { Job } from 'bullmq'
import { Compile } from 'typebox/compile'
import { guardRedis } from '../guard-redis.ts'
import type { JobQueue } from '../job-queue.ts'
import { sendAgain } from './deliveries.ts'
import { GONE_REASON } from './process-webhook.ts'
import { eventOf } from './webhook-jobs.ts'

interface Page {
  items: WebhookDeadLetter[]
  hasMore: boolean
}

export interface WebhookDeadLetters {
  /** The first webhooks that were given up, oldest first, no more than `limit`; and whether there are more. */
  list(limit: number): Promise<Page>
  /** The same of those that may be sent again without asking for each: whose receiver did not say 410. */
  listReplayable(limit: number): Promise<Page>
  /**
   * Sends one again, with all attempts anew.
   *
   * @throws AppError `dead_letter_not_found`, `queue_unavailable`
   */
  replay(webhookId: string): Promise<void>
}

const READ_MAX = 100

const jobData = Compile(WebhookJobData)

/** Null for what is none, or went since its id was read. */
const view = (job: Job | undefined): WebhookDeadLetter | null => {
  const data: unknown = job?.data
  if (!jobData.Check(data) || job?.id === undefined) return null
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
}): WebhookDeadLetters => {
  const find = async (limit: number, isWanted: (item: WebhookDeadLetter) => boolean): Promise<Page> => {
    const items: WebhookDeadLetter[] = []
    let read = 0
    let isMore = true
    // One more than is wanted says whether there are more.
    while (isMore && items.length <= limit) {
      const from = read
      const jobs: Array<Job | undefined> = await deps.queue.useWebhooks((queue) =>
        queue.getJobs(['failed'], from, from + READ_MAX - 1, true),
      )
      items.push(
        ...jobs
          .map(view)
          .filter((item) => item !== null)
          .filter(isWanted),
      )
      read += READ_MAX
      isMore = jobs.length === READ_MAX
    }
    return { items: items.slice(0, limit), hasMore: items.length > limit }
  }

  return {
    list: (limit) => guardRedis(() => find(limit, () => true)),

    listReplayable: (limit) => guardRedis(() => find(limit, ({ reason }) => reason !== GONE_REASON)),

    replay: (webhookId) =>
      guardRedis(async () => {
        const job = await deps.queue.useWebhooks((queue) => queue.getJob(webhookId))
        const isFailed = job !== undefined && (await job.isFailed())
        if (!isFailed) throw new AppError('dead_letter_not_found', 'no webhook with this id was given up')
        await sendAgain(job, 'failed')
      }),
  }
}
