import { AppError } from '@menagerie/contract/errors'
import { ANONYMOUS_ID, PAYLOAD_VERSION, type PredictJobData } from '@menagerie/contract/job'
import { METADATA_BYTES_MAX, TOP_K_DEFAULT, type PredictionOptions } from '@menagerie/contract/prediction'
import type { TraceContext } from '@menagerie/contract/trace-context'
import { listWebhookEvents } from '@menagerie/contract/webhook-events'
import { createUploadId } from '@menagerie/shared/upload-store/upload-id'
import { createHash, randomUUID } from 'node:crypto'
import type { Admission } from './admission.ts'
import type { Enqueue, Enqueued, Submission } from './enqueue.ts'
import type { FindKnownAnswer } from './find-known-answer.ts'
import type { ModelCatalog } from './model-catalog.ts'
import type { ReceivedUpload } from './receive-upload.ts'
import { isEnded } from './record-reader.ts'
import type { Shares } from './tenants/shares.ts'
import type { Tenant } from './tenants/tenant.ts'
import { parseJsonObject } from './parse-json-object.ts'
import type { WebhookUrlPolicy } from './webhooks/url-policy.ts'

export interface AcceptPredictionDeps {
  catalog: ModelCatalog
  enqueue: Enqueue
  findKnownAnswer: FindKnownAnswer
  checkWebhookUrl: WebhookUrlPolicy
  /** Redis' time, epoch ms. */
  readTime(): Promise<number>
  admission: Pick<Admission, 'enter'>
  shares: Pick<Shares, 'hold' | 'release'>
}

export const parseMetadata = (text: string | undefined): Record<string, unknown> => {
  if (text === undefined) return {}
  if (Buffer.byteLength(text) > METADATA_BYTES_MAX) {
    throw new AppError('request_invalid', `metadata may have at most ${METADATA_BYTES_MAX} bytes`)
  }
  const value = parseJsonObject(text, 'metadata')
  // Numbers can grow: 1e20 is sent with all its digits in a webhook, which has to stay small.
  if (Buffer.byteLength(JSON.stringify(value)) > METADATA_BYTES_MAX) {
    throw new AppError('request_invalid', `metadata may have at most ${METADATA_BYTES_MAX} bytes written out`)
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
  /** Of the request. */
  trace: TraceContext | undefined
}

const SHORT_MS = 3_600_000

export const BASE_URL_LENGTH_MAX = 512

interface WebhookPlan {
  /** Told by the worker that begins with it. */
  start: { url: string; base_url: string } | null
  /** Told by the flow parent of its job. */
  completed: { url: string; baseUrl: string } | null
}

/** @throws AppError `request_invalid`, and what `checkUrl` throws */
const planWebhooks = (
  { tenant, options, baseUrl }: PredictionRequest,
  checkUrl: WebhookUrlPolicy,
): WebhookPlan => {
  const { webhook: url, webhook_events_filter: filter } = options
  if (url === undefined) {
    if (filter === undefined) return { start: null, completed: null }
    throw new AppError('request_invalid', 'webhook_events_filter needs a webhook')
  }
  checkUrl(url, tenant.id)
  // Of a Host header: three times in the body, which has to stay small.
  if (baseUrl.length > BASE_URL_LENGTH_MAX) {
    throw new AppError('request_invalid', 'the name of this host is too long for a webhook')
  }
  const events = listWebhookEvents(filter)
  return {
    start: events.includes('start') ? { url, base_url: baseUrl } : null,
    completed: events.includes('completed') ? { url, baseUrl } : null,
  }
}

/** Of all that makes two requests different ones. */
const hashRequest = (data: PredictJobData, { options, cancelAfterMs }: PredictionRequest): string => {
  const { upload, model, top_k, metadata } = data
  const { webhook, webhook_events_filter: filter, priority } = options
  const events = filter === undefined ? [] : [listWebhookEvents(filter)]
  const asked = [upload.sha256, model, top_k, metadata, webhook, cancelAfterMs, priority, ...events]
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

  /** What is accepted counts as the tenant's until it ends; what is refused, or has ended before, does not. */
  const enqueueHeld = async (tenant: Tenant, submission: Submission): Promise<Enqueued> => {
    const { id, data } = submission
    const { model, deadline, upload } = data
    const isNew = await deps.shares.hold(tenant, { id, model, bytes: upload.bytes, deadline })
    let isUnfinished = false
    try {
      const enqueued = await deps.enqueue(submission)
      isUnfinished = enqueued.read === null || !isEnded(enqueued.read)
      return enqueued
    } finally {
      if (isNew && !isUnfinished) void deps.shares.release(tenant.id, id)
    }
  }

  return async (request: PredictionRequest): Promise<Enqueued> => {
    const { id, tenant, upload, options } = request
    const model = options.model ?? deps.catalog.defaultName
    const metadata = parseMetadata(options.metadata)
    const webhooks = planWebhooks(request, deps.checkWebhookUrl)
    if (!(await deps.catalog.has(model))) {
      throw new AppError('model_not_found', `there is no model "${model}"; GET /v1/models lists them`)
    }
    await deps.admission.enter(model, { tenant: tenant.id, priority: options.priority ?? 'normal' }, 1)

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
      ...(webhooks.start === null ? {} : { start_webhook: webhooks.start }),
      ...(request.trace === undefined ? {} : { trace: request.trace }),
    }
    if (request.isKeyed) {
      data.idempotency = { submission_id: randomUUID(), request_sha256: hashRequest(data, request) }
    }
    const bytes = known === null ? upload.bytes : null
    return enqueueHeld(tenant, { id, data, bytes, webhook: webhooks.completed })
  }
}
export type AcceptPrediction = ReturnType<typeof createAcceptPrediction>
