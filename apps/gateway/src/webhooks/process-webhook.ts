import { WebhookJobData } from '@menagerie/contract/job'
import type { WebhookEvent } from '@menagerie/contract/webhook'
import { UnrecoverableError, type Job } from 'bullmq'
import type { Logger } from 'pino'
import Value from 'typebox/value'
import type { PredictionViewer } from '../predictions.ts'
import type { PredictionRead, RecordReader } from '../record-reader.ts'
import type { Deliver } from './deliver.ts'
import { rebuildRecord } from './rebuild-record.ts'

/** Processor of the `webhooks` queue: builds the body once, then tries to deliver it. */
export const createWebhookProcessor = (deps: {
  reader: RecordReader
  viewPrediction: PredictionViewer
  deliver: Deliver
  log: Logger
}) => {
  const readOutcome = async (job: Job, data: WebhookJobData): Promise<PredictionRead> => {
    const found = await deps.reader.find(data.prediction_id, data.model)
    // With the id of this one, but made later with the same Idempotency-Key: not what was asked for here.
    const isAnother =
      found?.record.data.idempotency?.submission_id !== data.prediction?.idempotency?.submission_id
    if (found !== null && !isAnother) return found
    // Two came with one key, and BullMQ gave this webhook to the prediction that won without asking for one.
    if (found?.webhookJobId === job.id) throw new UnrecoverableError('its request was refused')
    const rebuilt =
      data.prediction === undefined ? null : await rebuildRecord(job, data.prediction_id, data.prediction)
    if (rebuilt === null) throw new UnrecoverableError('the prediction is gone')
    return rebuilt
  }

  const buildBody = async (job: Job, data: WebhookJobData): Promise<string> => {
    const read = await readOutcome(job, data)
    const event: WebhookEvent = {
      type: 'prediction.completed',
      timestamp: new Date(read.nowMs).toISOString(),
      data: await deps.viewPrediction(read, data.base_url),
    }
    return JSON.stringify(event)
  }

  return async (job: Job): Promise<void> => {
    const data: unknown = job.data
    if (!Value.Check(WebhookJobData, data)) throw new UnrecoverableError('the webhook job is not valid')
    let { body } = data
    if (body === undefined) {
      body = await buildBody(job, data)
      await job.updateData({ ...data, body })
    }
    // The job's own id, so that it is the same for every attempt.
    await deps.deliver({ url: data.url, id: job.id ?? '', body })
    deps.log.info({ predictionId: data.prediction_id, attempt: job.attemptsMade + 1 }, 'webhook delivered')
  }
}
