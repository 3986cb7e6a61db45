import {
  PAYLOAD_VERSION,
  WEBHOOK_JOB_NAME,
  WEBHOOK_JOB_OPTIONS,
  WEBHOOK_QUEUE_NAME,
  type PredictJobData,
  type WebhookJobData,
} from '@menagerie/contract/job'
import { startWebhookId } from '@menagerie/contract/webhook'
import { createErrorLog } from '@menagerie/shared/error-log'
import type { RedisConnection } from '@menagerie/shared/redis'
import { Queue, type Job } from 'bullmq'
import type { Logger } from 'pino'

/**
 * Puts the webhook that tells of a start into its queue, for a gateway to deliver, if somebody asked for one. A run that is
 * repeated adds the same job again, which adds nothing.
 *
 * Resolves when Redis has it, or has refused it: then nobody is told of the start, and the prediction goes on.
 *
 * @param startedAt when the first run began, epoch ms
 */
export type TellStart = (job: Job, data: PredictJobData, startedAt: number) => Promise<void>

export const createTellStart = (
  deps: { redis: RedisConnection; log: Logger },
  options: { prefix: string },
): { tellStart: TellStart; close: () => Promise<void> } => {
  const errors = createErrorLog(deps.log, 'the webhook of a start was not accepted')
  let queue: Queue | null = null

  const open = (): Queue => {
    if (queue !== null) return queue
    queue = new Queue(WEBHOOK_QUEUE_NAME, {
      connection: deps.redis,
      prefix: options.prefix,
      // Its settings are the gateways' business; and a full Redis would refuse them.
      skipMetasUpdate: true,
    })
    queue.on('error', errors.report)
    return queue
  }
  const close = async (): Promise<void> => {
    const opened = queue
    queue = null
    await opened?.close()
  }

  const describe = (id: string, job: Job, data: PredictJobData, startedAt: number): WebhookJobData | null =>
    data.start_webhook === undefined
      ? null
      : {
          v: PAYLOAD_VERSION,
          ...data.start_webhook,
          prediction_id: id,
          model: data.model,
          prediction: data,
          started: { created_at: job.timestamp, started_at: startedAt },
        }

  return {
    close,
    async tellStart(job, data, startedAt) {
      const id = job.id ?? ''
      const webhook = describe(id, job, data, startedAt)
      if (webhook === null) return
      const jobId = startWebhookId(data.idempotency?.submission_id ?? id)
      try {
        await open().add(WEBHOOK_JOB_NAME, webhook, { ...WEBHOOK_JOB_OPTIONS, jobId })
        errors.settle()
      } catch (error) {
        errors.report(error instanceof Error ? error : new Error(String(error)))
        // One whose first command failed remembers that for ever.
        await close().catch(() => undefined)
      }
    },
  }
}
