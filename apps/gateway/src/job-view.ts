import { parseFailedReason, type ErrorCode } from '@menagerie/contract/errors'
import type { JobRecord } from '@menagerie/contract/job-record'
import type { Label } from '@menagerie/contract/model-manifest'
import { isTerminal, type Prediction, type PredictionStatus } from '@menagerie/contract/prediction'
import type { RegisteredModel } from '@menagerie/contract/registry'
import { expiresAt, type RetentionOptions } from './expiry.ts'
import type { PredictionRead } from './record-reader.ts'

export interface ViewContext extends RetentionOptions {
  model: RegisteredModel | null
  estimatedWaitMs: number | null
  baseUrl: string
}

export const predictionPath = (id: string): string => `/v1/predictions/${id}`

const formatTime = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

const since = (from: number, to: number | null): number | null =>
  to === null ? null : Math.max(0, to - from)

const nameClass = (labels: Label[], index: number): Label =>
  labels[index] ?? [`index_${index}`, `class ${index}`]

const viewOutput = (record: JobRecord, labels: Label[]): Prediction['output'] => {
  if (record.returnValue === null) return null
  const [best, ...others] = record.returnValue.top_k.map(([index, probability]) => {
    const [classId, className] = nameClass(labels, index)
    return { index, class_id: classId, class_name: className, probability }
  })
  if (best === undefined) return null
  const { class_id, class_name, probability } = best
  const { confident } = record.returnValue
  return { class_id, class_name, probability, confident, top_k: [best, ...others] }
}

const viewError = (status: PredictionStatus, record: JobRecord): Prediction['error'] => {
  const explain = (code: ErrorCode, message: string) => ({ code, message })
  switch (status) {
    case 'failed':
      return parseFailedReason(record.failedReason ?? '')
    case 'expired':
      return explain('prediction_expired', 'no worker started it before its deadline')
    case 'canceled':
      return explain('prediction_canceled', 'it was canceled')
    case 'queued':
    case 'processing':
    case 'succeeded':
      return null
    default:
      return status satisfies never
  }
}

/** When it reached its terminal status; null before. */
export const readEnd = (record: JobRecord, status: PredictionStatus): number | null => {
  if (!isTerminal(status)) return null
  if (status === 'expired') return record.data.deadline
  return record.canceledAt ?? record.finishedOn
}

/** What a client sees of a prediction: a pure function of its record. */
export const viewPrediction = (read: PredictionRead, context: ViewContext): Prediction => {
  const { record, status, position } = read
  const { data, returnValue, createdAt } = record
  const startedAt = record.startedAt ?? record.processedOn
  const endedAt = readEnd(record, status)
  const isSucceeded = status === 'succeeded'
  const url = `${context.baseUrl}${predictionPath(record.id)}`
  return {
    id: record.id,
    status,
    model: {
      name: data.model,
      digest: returnValue?.digest ?? context.model?.digest ?? null,
      trained: returnValue?.trained ?? context.model?.trained ?? null,
    },
    input: {
      filename: data.upload.filename,
      content_type: data.upload.content_type,
      bytes: data.upload.bytes,
      sha256: data.upload.sha256,
    },
    output: isSucceeded ? viewOutput(record, context.model?.labels ?? []) : null,
    error: viewError(status, record),
    metrics: {
      queue_ms: since(createdAt, startedAt),
      preprocess_ms: isSucceeded ? (returnValue?.preprocess_ms ?? null) : null,
      predict_ms: isSucceeded ? (returnValue?.predict_ms ?? null) : null,
      total_ms: since(createdAt, endedAt),
      cache: isSucceeded ? (returnValue?.cache ?? null) : null,
      attempts: record.attemptsStarted,
      worker: isSucceeded ? (returnValue?.worker ?? null) : null,
    },
    queue: position === null ? null : { position, estimated_wait_ms: context.estimatedWaitMs },
    metadata: data.metadata,
    replay_of: data.replay_of ?? null,
    created_at: new Date(createdAt).toISOString(),
    started_at: formatTime(startedAt),
    completed_at: formatTime(endedAt),
    expires_at: formatTime(expiresAt(record, status, context)),
    urls: { get: url, events: `${url}/events`, cancel: `${url}/cancel` },
  }
}
