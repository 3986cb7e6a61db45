import { WEBHOOK_QUEUE_NAME, type WebhookJobData } from '@menagerie/contract/job'
import { CANCELED_AT_FIELD, createRecord } from '@menagerie/contract/job-record'
import type { WebhookEvent } from '@menagerie/contract/webhook'
import { jobKey } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import { UnrecoverableError, type Job } from 'bullmq'
import type { PredictionViewer } from '../predictions.ts'
import type { PredictionRead, RecordReader } from '../record-reader.ts'
import { rebuildRecord } from './rebuild-record.ts'

/** What a webhook says. Of a start: the prediction as it was then, whatever has become of it since. */
export const createEventBuilder = (
  deps: { redis: RedisConnection; reader: RecordReader; viewPrediction: PredictionViewer },
  options: { prefix: string },
) => {
  const readCanceledAt = async (job: Job): Promise<number | null> => {
    const key = jobKey(options.prefix, WEBHOOK_QUEUE_NAME, job.id ?? '')
    const canceledAt = await deps.redis.hget(key, CANCELED_AT_FIELD)
    return canceledAt === null ? null : Number(canceledAt)
  }

  const rebuild = async (job: Job, { prediction_id, prediction }: WebhookJobData) =>
    prediction === undefined ? null : rebuildRecord(job, prediction_id, prediction, await readCanceledAt(job))

  const readOutcome = async (job: Job, data: WebhookJobData): Promise<PredictionRead> => {
    const found = await deps.reader.find(data.prediction_id, data.model)
    // With the id of this one, but made later with the same Idempotency-Key: not what was asked for here.
    const isAnother =
      found?.record.data.idempotency?.submission_id !== data.prediction?.idempotency?.submission_id
    if (found !== null && !isAnother) return found
    // Two came with one key, and BullMQ gave this webhook to the prediction that won without asking for one.
    if (found?.webhookJobId === job.id) throw new UnrecoverableError('its request was refused')
    const rebuilt = await rebuild(job, data)
    if (rebuilt === null) throw new UnrecoverableError('the prediction is gone')
    return rebuilt
  }

  const recallStart = (
    { prediction_id, prediction }: WebhookJobData,
    { created_at, started_at }: NonNullable<WebhookJobData['started']>,
  ): PredictionRead => {
    if (prediction === undefined) throw new UnrecoverableError('the webhook job is not valid')
    const record = createRecord(prediction_id, prediction, created_at)
    return {
      record: { ...record, startedAt: started_at, processedOn: started_at, attemptsStarted: 1 },
      status: 'processing',
      nowMs: started_at,
      position: null,
    }
  }

  return async (job: Job, data: WebhookJobData): Promise<WebhookEvent> => {
    const { started, base_url } = data
    const read = started === undefined ? await readOutcome(job, data) : recallStart(data, started)
    return {
      type: started === undefined ? 'prediction.completed' : 'prediction.started',
      timestamp: new Date(read.nowMs).toISOString(),
      data: await deps.viewPrediction(read, base_url),
    }
  }
}
export type BuildEvent = ReturnType<typeof createEventBuilder>
