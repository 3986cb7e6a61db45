import { AppError } from '@menagerie/contract/errors'
import { PAYLOAD_VERSION, type PredictJobData, type WebhookJobData } from '@menagerie/contract/job'
import { METADATA_BYTES_MAX, TOP_K_DEFAULT, type PredictionOptions } from '@menagerie/contract/prediction'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import { randomUUID } from 'node:crypto'
import type { FindKnownAnswer } from './find-known-answer.ts'
import { guardRedis } from './guard-redis.ts'
import type { JobQueue } from './job-queue.ts'
import type { ModelCatalog } from './model-catalog.ts'
import type { ReceivedUpload } from './receive-upload.ts'
import type { WebhookUrlPolicy } from './webhooks/url-policy.ts'

export interface AcceptPredictionDeps {
  catalog: ModelCatalog
  uploads: UploadStore
  queue: JobQueue
  findKnownAnswer: FindKnownAnswer
  checkWebhookUrl: WebhookUrlPolicy
}

// Time for retries and a slow hand-back after the deadline, before the bytes of a lost job go by themselves.
const UPLOAD_MARGIN_MS = 3_600_000

const parseMetadata = (text: string | undefined): Record<string, unknown> => {
  if (text === undefined) return {}
  if (Buffer.byteLength(text) > METADATA_BYTES_MAX) {
    throw new AppError('request_invalid', `metadata may have at most ${METADATA_BYTES_MAX} bytes`)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new AppError('request_invalid', 'metadata is not JSON', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('request_invalid', 'metadata must be a JSON object')
  }
  return { ...value }
}

export interface PredictionRequest {
  /** Of the prediction: chosen by the caller, who may want to listen for it before it exists. */
  id: string
  upload: ReceivedUpload
  options: PredictionOptions
  /** Whether an answer that was given for the same bytes before will do. */
  isKnownAnswerEnough: boolean
  baseUrl: string
}

/**
 * Stores the upload, then enqueues the prediction; resolves with what was enqueued once Redis has both. If one of the two
 * fails, the other is taken back, so that a refused request leaves nothing behind. Bytes whose answer is known are not
 * stored.
 *
 * @throws AppError
 */
export const createAcceptPrediction =
  (deps: AcceptPredictionDeps, limits: { queueAgeMaxMs: number }) =>
  async (request: PredictionRequest): Promise<PredictJobData> => {
    const { id, upload, options, baseUrl } = request
    const model = options.model ?? deps.catalog.defaultName
    const metadata = parseMetadata(options.metadata)
    if (options.webhook !== undefined) deps.checkWebhookUrl(options.webhook)
    if (!(await deps.catalog.has(model))) {
      throw new AppError('model_not_found', `there is no model "${model}"; GET /v1/models lists them`)
    }

    const known = request.isKnownAnswerEnough ? await deps.findKnownAnswer(model, upload.sha256) : null
    const uploadId = known === null ? randomUUID() : null
    const data: PredictJobData = {
      v: PAYLOAD_VERSION,
      model,
      top_k: options.top_k ?? TOP_K_DEFAULT,
      upload: {
        id: uploadId,
        bytes: upload.bytes.length,
        sha256: upload.sha256,
        content_type: upload.contentType,
        filename: upload.filename,
      },
      metadata,
      deadline: Date.now() + limits.queueAgeMaxMs,
      ...(known === null ? {} : { known }),
    }
    const webhook: WebhookJobData | null =
      options.webhook === undefined
        ? null
        : { v: PAYLOAD_VERSION, url: options.webhook, prediction_id: id, model, base_url: baseUrl }

    const ttlMs = limits.queueAgeMaxMs + UPLOAD_MARGIN_MS
    const storing =
      uploadId === null ? null : guardRedis(() => deps.uploads.put(uploadId, upload.bytes, ttlMs))
    const enqueue = (): Promise<void> => deps.queue.add(id, data, webhook)
    // Both go over one connection, and Redis gets the bytes first. To wait for its word on them before the job is sent
    // would cost a round trip; a webhook has to wait, since a job that is taken back would set it off.
    const adding = webhook === null ? enqueue() : Promise.resolve(storing).then(enqueue)
    const [stored, added] = await Promise.allSettled([storing, adding])
    if (added.status === 'rejected') {
      // Also bytes whose storing timed out, as Redis may still do it. If this fails too, they go when they expire.
      if (uploadId !== null) await deps.uploads.delete(uploadId).catch(() => undefined)
      throw added.reason
    }
    if (stored.status === 'rejected') {
      // If this fails too, the job fails for want of its picture, and nobody was told of it.
      await deps.queue.remove(model, id).catch(() => undefined)
      throw stored.reason
    }
    return data
  }
export type AcceptPrediction = ReturnType<typeof createAcceptPrediction>
