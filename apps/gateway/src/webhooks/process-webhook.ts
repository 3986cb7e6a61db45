import { WebhookJobData } from '@menagerie/contract/job'
import { webhookId, type WebhookEvent } from '@menagerie/contract/webhook'
import { UnrecoverableError, type Job } from 'bullmq'
import type { Logger } from 'pino'
import Value from 'typebox/value'
import type { PredictionViewer } from '../predictions.ts'
import type { RecordReader } from '../record-reader.ts'
import type { Deliver } from './deliver.ts'

/** Processor of the `webhooks` queue: builds the body once, then tries to deliver it. */
export const createWebhookProcessor = (deps: {
  reader: RecordReader
  viewPrediction: PredictionViewer
  deliver: Deliver
  log: Logger
}) => {
  const buildBody = async (data: WebhookJobData): Promise<string> => {
    const read = await deps.reader.read(data.prediction_id)
    if (read === null) throw new UnrecoverableError('the prediction is gone')
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
      body = await buildBody(data)
      await job.updateData({ ...data, body })
    }
    await deps.deliver({ url: data.url, id: webhookId(data.prediction_id), body })
    deps.log.info({ predictionId: data.prediction_id, attempt: job.attemptsMade + 1 }, 'webhook delivered')
  }
}
