import type { BatchEvent } from '@menagerie/contract/batch'
import { BatchWatchData, PAYLOAD_VERSION, WEBHOOK_QUEUE_NAME } from '@menagerie/contract/job'
import { webhookId } from '@menagerie/contract/webhook'
import { sendSpan } from '@menagerie/tracing/message-span'
import { runSpan } from '@menagerie/tracing/run-span'
import type { Tracer } from '@menagerie/tracing/tracer'
import { DelayedError, UnrecoverableError, type Job } from 'bullmq'
import { Compile } from 'typebox/compile'
import type { JobQueue } from '../job-queue.ts'
import type { StoredBatch } from './batch-record.ts'
import type { BatchReader } from './batch-reader.ts'
import { hasItemEnded } from './batch-status.ts'
import type { BatchStore } from './batch-store.ts'
import { viewBatchSummary } from './view-batch.ts'

export interface WatchBatchDeps {
  store: BatchStore
  reader: BatchReader
  queue: Pick<JobQueue, 'addWebhook'>
  tracer: Tracer
}

const SLICE = 100
const LOOK_AGAIN_MIN_MS = 500
const LOOK_AGAIN_MAX_MS = 10_000
/** A batch that has run for a minute is looked at every three seconds. */
const LOOK_AGAIN_SHARE = 0.05

const watchData = Compile(BatchWatchData)

/**
 * Processor of the `batches` queue: looks whether a batch has ended, again and again, and then puts its webhook into the
 * queue. Between two looks the job is delayed in Redis, so no crash can lose it; and since an item that has ended stays
 * so, each look begins with the first that had not.
 */
export const createWatchBatch = (deps: WatchBatchDeps, options: { resultTtlMs: number }) => {
  const countEnded = async (batch: StoredBatch, from: number): Promise<number> => {
    for (let ended = from; ended < batch.items.length; ended += SLICE) {
      const items = await deps.reader.readItems(batch, ended, ended + SLICE)
      const open = items.findIndex((item) => !hasItemEnded(item))
      if (open !== -1) return ended + open
    }
    return batch.items.length
  }

  const notify = async (batch: StoredBatch, webhook: { url: string; base_url: string }): Promise<void> => {
    const read = await deps.reader.complete(batch)
    const context = { baseUrl: webhook.base_url, resultTtlMs: options.resultTtlMs }
    const event: BatchEvent = {
      type: 'batch.completed',
      timestamp: new Date(batch.nowMs).toISOString(),
      data: viewBatchSummary(read, context),
    }
    const jobId = webhookId(batch.data.submission_id)
    const span = sendSpan({ queue: WEBHOOK_QUEUE_NAME, jobId, parent: batch.data.trace })
    await runSpan(deps.tracer, ...span, ({ context: trace }) =>
      deps.queue.addWebhook(jobId, {
        v: PAYLOAD_VERSION,
        url: webhook.url,
        prediction_id: batch.id,
        model: batch.data.model,
        base_url: webhook.base_url,
        ...(batch.data.tenant === undefined ? {} : { tenant: batch.data.tenant }),
        ...(trace === undefined ? {} : { trace }),
        body: JSON.stringify(event),
      }),
    )
    await deps.store.markNotified(batch.id)
  }

  const lookAgain = async (job: Job, token: string | undefined, ageMs: number): Promise<never> => {
    const delayMs = Math.min(LOOK_AGAIN_MAX_MS, Math.max(LOOK_AGAIN_MIN_MS, ageMs * LOOK_AGAIN_SHARE))
    await job.moveToDelayed(Date.now() + delayMs, token)
    throw new DelayedError()
  }

  return async (job: Job, token?: string): Promise<void> => {
    const data: unknown = job.data
    if (!watchData.Check(data)) throw new UnrecoverableError('the job is not valid')
    const batch = await deps.store.find(data.batch_id)
    // Another, under the same key: this one was dropped before it was accepted.
    if (batch === null || batch.data.submission_id !== data.submission_id) return undefined
    const { webhook } = batch.data
    if (webhook === null || batch.notifiedAt !== null) return undefined
    const ageMs = batch.nowMs - batch.data.created_at
    // The sweeper will go on with it.
    if (batch.acceptedAt === null) return lookAgain(job, token, ageMs)
    const ended = await countEnded(batch, data.ended ?? 0)
    if (ended === batch.items.length) return notify(batch, webhook)
    if (ended !== data.ended) await job.updateData({ ...data, ended })
    return lookAgain(job, token, ageMs)
  }
}
export type WatchBatch = ReturnType<typeof createWatchBatch>
