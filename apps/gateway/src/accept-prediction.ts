import { AppError } from '@menagerie/contract/errors'
import { ANONYMOUS_ID, PAYLOAD_VERSION, type PredictJobData } from '@menagerie/contract/job'
import { METADATA_BYTES_MAX, TOP_K_DEFAULT, type PredictionOptions } from '@menagerie/contract/prediction'
import { createUploadId } from '@menagerie/shared/upload-store/upload-id'
import { createHash, randomUUID } from 'node:crypto'
import type { Enqueue, Enqueued } from './enqueue.ts'
import type { FindKnownAnswer } from './find-known-answer.ts'
import { guardRedis } from './guard-redis.ts'
import type { ModelCatalog } from './model-catalog.ts'
import type { ReceivedUpload } from './receive-upload.ts'
import type { Tenant } from './tenants/tenant.ts'
import type { WebhookUrlPolicy } from './webhooks/url-policy.ts'

export interface AcceptPredictionDeps {
  catalog: ModelCatalog
  enqueue: Enqueue
  findKnownAnswer: FindKnownAnswer
  checkWebhookUrl: WebhookUrlPolicy
  /** Redis' time, epoch ms. */
  readTime(): Promise<number>
  /** How full Redis is, 0 to 1. */
  readMemoryShare: () => Promise<number>
}

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
  /** Whether the id was made from an Idempotency-Key, and may be there already. */
  isKeyed: boolean
  /** Who asks. */
  tenant: Tenant
  upload: ReceivedUpload
  options: PredictionOptions
  /** What the client says of the deadline, ms from now; null when it says nothing. */
  cancelAfterMs: number | null
  /** Whether an answer that was given for the same bytes before will do. */
  isKnownAnswerEnough: boolean
  baseUrl: string
}

/**
 * The rest is for the workers: of a Redis that is full to the brim one that has no job cannot take any, and nothing would
 * ever make room again.
 */
const MEMORY_SHARE_MAX = 0.9

const SHORT_MS = 3_600_000

/** Of all that makes two requests different ones. */
const hashRequest = (data: PredictJobData, { options, cancelAfterMs }: PredictionRequest): string => {
  const { upload, model, top_k, metadata } = data
  const { webhook, priority } = options
  const asked = [upload.sha256, model, top_k, metadata, webhook, cancelAfterMs, priority]
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex')
}

/**
 * Accepts a prediction: checks what is asked, and enqueues it. Bytes whose answer is known are not stored.
 *
 * @throws AppError
 */
export const createAcceptPrediction = (deps: AcceptPredictionDeps, limits: { queueAgeMaxMs: number }) => {
  /** A short deadline must hold on the clock that it is judged by; a long one may be a little off. */
  const readDeadline = async (cancelAfterMs: number | null): Promise<number> => {
    const ageMs = Math.min(cancelAfterMs ?? Number.POSITIVE_INFINITY, limits.queueAgeMaxMs)
    return (ageMs < SHORT_MS ? await deps.readTime() : Date.now()) + ageMs
  }

  const requireRoom = async (): Promise<void> => {
    const share = await guardRedis(deps.readMemoryShare)
    if (share > MEMORY_SHARE_MAX)
      throw new AppError('queue_full', 'the queue has no room left; try again later')
  }

  return async (request: PredictionRequest): Promise<Enqueued> => {
    await requireRoom()
    const { id, tenant, upload, options, baseUrl } = request
    const model = options.model ?? deps.catalog.defaultName
    const metadata = parseMetadata(options.metadata)
    if (options.webhook !== undefined) deps.checkWebhookUrl(options.webhook)
    if (!(await deps.catalog.has(model))) {
      throw new AppError('model_not_found', `there is no model "${model}"; GET /v1/models lists them`)
    }

    const known = request.isKnownAnswerEnough
      ? await deps.findKnownAnswer(tenant.id, model, upload.sha256)
      : null
    const data: PredictJobData = {
      v: PAYLOAD_VERSION,
      model,
      top_k: options.top_k ?? TOP_K_DEFAULT,
      upload: {
        id: known === null ? createUploadId({ model, predictionId: id }) : null,
        bytes: upload.bytes.length,
        sha256: upload.sha256,
        content_type: upload.contentType,
        filename: upload.filename,
      },
      metadata,
      ...(tenant.id === ANONYMOUS_ID ? {} : { tenant: tenant.id }),
      ...(options.priority === undefined ? {} : { priority: options.priority }),
      deadline: await readDeadline(request.cancelAfterMs),
      ...(known === null ? {} : { known }),
    }
    if (request.isKeyed) {
      data.idempotency = { submission_id: randomUUID(), request_sha256: hashRequest(data, request) }
    }
    const webhook = options.webhook === undefined ? null : { url: options.webhook, baseUrl }
    return deps.enqueue({ id, data, bytes: known === null ? upload.bytes : null, webhook })
  }
}
export type AcceptPrediction = ReturnType<typeof createAcceptPrediction>
