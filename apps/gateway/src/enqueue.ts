import { AppError } from '@menagerie/contract/errors'
import {
  PAYLOAD_VERSION,
  predictQueueName,
  type PredictJobData,
  type WebhookJobData,
} from '@menagerie/contract/job'
import type { TraceContext } from '@menagerie/contract/trace-context'
import { webhookId } from '@menagerie/contract/webhook'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import { predictionAttributes, sendSpan } from '@menagerie/tracing/message-span'
import { runSpan } from '@menagerie/tracing/run-span'
import type { Tracer } from '@menagerie/tracing/tracer'
import type { Forget } from './forget.ts'
import { guardRedis } from './guard-redis.ts'
import type { JobQueue } from './job-queue.ts'
import type { PredictionRead, RecordReader, StoredPrediction } from './record-reader.ts'

export interface EnqueueDeps {
  uploads: UploadStore
  queue: JobQueue
  reader: RecordReader
  forget: Forget
  tracer: Tracer
}

export interface Submission {
  id: string
  /** Its `trace` is that of whoever asks. */
  data: PredictJobData
  /** The picture; null when its answer is known. */
  bytes: Buffer | null
  webhook: { url: string; baseUrl: string } | null
  /** Of a replay: where what it repeats was asked for. */
  link?: TraceContext | undefined
}

export interface Enqueued {
  /** What Redis has: of an earlier submission where this one repeats it. */
  data: PredictJobData
  /** The record as it was read back, which may have ended long ago; null where the id was not made from a key. */
  read: PredictionRead | null
}

// A record under the same id may have to be forgotten first, and another gateway may do the same at this moment.
const TRIES_MAX = 3

/** Redis has said no. After a lost connection or a timeout it may still have done it, or do it yet. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof Error && (error.name === 'ReplyError' || isRefusal(error.cause))

/**
 * Stores the picture of a prediction, then puts its job into the queue; resolves once both are there. What is refused
 * leaves nothing behind; where it is unknown whether Redis took the job, its picture stays, for the job or the sweeper.
 *
 * Where the id was made from a key, a submission that finds an earlier one resolves with that, and takes itself back.
 *
 * @throws AppError `queue_unavailable`, `queue_full`, `upload_store_unavailable`, `idempotency_key_reused`, `idempotency_key_in_use`
 */
export const createEnqueue = (
  deps: EnqueueDeps,
  options: {
    uploadTtlMs: number
    /**
     * Whether a picture is stored before a job that is sent after it. In a cluster each finds its own way, and in another
     * store than Redis anyway.
     */
    isOrderKept: boolean
  },
) => {
  const store = async ({ data, bytes }: Submission): Promise<void> => {
    const { id } = data.upload
    if (id === null || bytes === null) return
    const attributes = { 'menagerie.upload.bytes': bytes.length }
    await runSpan(deps.tracer, 'store put', { parent: data.trace, attributes }, () =>
      guardRedis(() => deps.uploads.put(id, bytes, options.uploadTtlMs)),
    )
  }

  const describeWebhook = ({ id, data, webhook }: Submission): WebhookJobData | null =>
    webhook === null
      ? null
      : {
          v: PAYLOAD_VERSION,
          url: webhook.url,
          prediction_id: id,
          model: data.model,
          base_url: webhook.baseUrl,
          prediction: data,
        }
  const add = (submission: Submission): Promise<void> =>
    deps.queue.add(submission.id, submission.data, describeWebhook(submission))

  const dropUpload = async ({ data }: Submission): Promise<void> => {
    // If this fails, the sweeper finds it.
    if (data.upload.id !== null) await deps.uploads.delete(data.upload.id).catch(() => undefined)
  }

  /** Of a job that was refused; but it may have been taken when it was sent before, and the reply lost. */
  const dropUnused = async (submission: Submission): Promise<void> => {
    const isTaken = await deps.queue.has(submission.data.model, submission.id).catch(() => true)
    if (!isTaken) await dropUpload(submission)
  }

  /** Both go over one connection, and Redis gets the bytes first: to wait for its word on them would cost a round trip. */
  const enqueueAtOnce = async (submission: Submission): Promise<void> => {
    const [stored, added] = await Promise.allSettled([store(submission), add(submission)])
    if (added.status === 'rejected') {
      if (isRefusal(added.reason)) await dropUnused(submission)
      throw added.reason
    }
    if (stored.status === 'rejected') {
      // If this fails too, the job fails for want of its picture, and nobody was told of it.
      await deps.queue.remove(submission.data.model, submission.id).catch(() => undefined)
      throw stored.reason
    }
  }

  const enqueueInTurn = async (submission: Submission): Promise<void> => {
    await store(submission)
    try {
      await add(submission)
    } catch (error) {
      if (isRefusal(error)) await dropUnused(submission)
      throw error
    }
  }

  /** What is done with the job later has this span as its parent. */
  const send = ({ id, data, ...rest }: Submission, isAtOnce: boolean): Promise<void> => {
    const attributes = {
      ...predictionAttributes(id, data.model),
      'menagerie.cache': data.known === undefined ? 'miss' : 'hit',
    }
    const queue = predictQueueName(data.model)
    const [name, span] = sendSpan({ queue, jobId: id, parent: data.trace, attributes })
    return runSpan(deps.tracer, name, { ...span, links: [rest.link] }, ({ context }) => {
      const submission = { id, data: context === undefined ? data : { ...data, trace: context }, ...rest }
      return isAtOnce ? enqueueAtOnce(submission) : enqueueInTurn(submission)
    })
  }

  const repeat = (mine: PredictJobData, read: StoredPrediction): Enqueued => {
    const { data } = read.record
    if (mine.idempotency?.request_sha256 !== data.idempotency?.request_sha256) {
      const detail = 'this Idempotency-Key came with another picture or other options before'
      throw new AppError('idempotency_key_reused', detail)
    }
    return { data, read }
  }

  /** Two at the same time both add; BullMQ keeps the first and says nothing, so what it has is read back. */
  const tryKeyed = async (submission: Submission): Promise<Enqueued | null> => {
    const { id, data } = submission
    const earlier = await deps.reader.find(id)
    if (earlier !== null && !earlier.isHidden) return repeat(data, earlier)
    if (earlier !== null) {
      // What is left of a prediction that nobody can read any more must not be taken for this one.
      const { rawData } = earlier
      await guardRedis(() => deps.forget({ id, model: earlier.record.data.model, rawData }))
      if ((await deps.reader.find(id)) !== null) return null
    }
    await send(submission, false)
    const stored = await deps.reader.find(id)
    const submissionId = data.idempotency?.submission_id ?? ''
    if (stored?.record.data.idempotency?.submission_id === submissionId) return { data, read: stored }
    await dropUpload(submission)
    // Each model has a queue of its own, so this one may have been taken there as well.
    if (stored !== null && stored.record.data.model !== data.model) {
      await guardRedis(() => deps.queue.remove(data.model, id))
    }
    if (submission.webhook !== null) await guardRedis(() => deps.queue.removeWebhook(webhookId(submissionId)))
    return stored === null || stored.isHidden ? null : repeat(data, stored)
  }

  const enqueueKeyed = async (submission: Submission): Promise<Enqueued> => {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const enqueued = await tryKeyed(submission)
      if (enqueued !== null) return enqueued
    }
    throw new AppError(
      'idempotency_key_in_use',
      'an earlier prediction with this Idempotency-Key is being deleted; try again shortly',
    )
  }

  return async (submission: Submission): Promise<Enqueued> => {
    if (submission.data.idempotency !== undefined) return enqueueKeyed(submission)
    // A webhook has to wait for the picture to be stored, since a job that is taken back would set it off.
    const isAtOnce = options.isOrderKept && submission.webhook === null
    await send(submission, isAtOnce)
    return { data: submission.data, read: null }
  }
}
export type Enqueue = ReturnType<typeof createEnqueue>
