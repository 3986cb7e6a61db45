import { WebhookJobData, type PredictJobData } from '@menagerie/contract/job'
import { EVENT_TYPES, startWebhookId, webhookId } from '@menagerie/contract/webhook'
import type { Keys } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { Job } from 'bullmq'
import { Compile } from 'typebox/compile'
import type { JobQueue } from '../job-queue.ts'
import type { StoredPrediction } from '../record-reader.ts'

export interface WebhookJob {
  job: Job<WebhookJobData>
  id: string
  /** What was asked for: also whose it is. */
  prediction: PredictJobData
}

const jobData = Compile(WebhookJobData)

const readPrediction = (data: unknown): PredictJobData | undefined =>
  jobData.Check(data) ? data.prediction : undefined

export const eventOf = ({ started }: WebhookJobData): (typeof EVENT_TYPES)[number] =>
  started === undefined ? 'prediction.completed' : 'prediction.started'

/** Its number among those of its prediction: that of a start comes first. */
export const numberOf = ({ job, prediction }: WebhookJob): number =>
  job.data.started === undefined && prediction.start_webhook !== undefined ? 2 : 1

/** Finds the jobs that deliver the webhooks of a prediction, which outlive its record. */
export const createWebhookJobs = (deps: {
  redis: RedisConnection
  keys: Keys
  queue: Pick<JobQueue, 'useWebhooks'>
}) => {
  const findSubmission = async (id: string, found: StoredPrediction | null): Promise<string> => {
    if (found !== null) return found.record.data.idempotency?.submission_id ?? id
    return (await deps.redis.get(deps.keys.submission(id))) ?? id
  }

  const wrap = (predictionId: string, job: Job<WebhookJobData> | undefined): WebhookJob | null => {
    const prediction = readPrediction(job?.data)
    if (job?.id === undefined || prediction === undefined) return null
    return job.data.prediction_id === predictionId ? { job, id: job.id, prediction } : null
  }

  return {
    /** @param found the record of the prediction, where there is one */
    find: async (id: string, found: StoredPrediction | null): Promise<WebhookJob[]> => {
      const submissionId = await findSubmission(id, found)
      const jobs = await deps.queue.useWebhooks((queue) =>
        Promise.all(
          [startWebhookId(submissionId), webhookId(submissionId)].map((jobId) => queue.getJob(jobId)),
        ),
      )
      return jobs.map((job) => wrap(id, job)).filter((job) => job !== null)
    },
  }
}
export type WebhookJobs = ReturnType<typeof createWebhookJobs>
