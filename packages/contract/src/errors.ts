/**
 * Every error a client can meet, by stable code. Clients branch on the code, never on the prose.
 * `status` is the HTTP status of a problem response with this code; docs/failure-modes.md has a row per code.
 */
export const ERRORS = {
  // The request
  request_invalid: { status: 400, title: 'The request is not valid' },
  multipart_invalid: { status: 400, title: 'The multipart body cannot be read' },
  file_missing: { status: 400, title: 'There is no file in the request' },
  file_empty: { status: 400, title: 'The file is empty' },
  files_too_many: { status: 400, title: 'One file is expected, and there are more' },
  model_not_found: { status: 404, title: 'No such model' },
  prediction_not_found: { status: 404, title: 'No such prediction' },
  route_not_found: { status: 404, title: 'No such route' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  payload_too_large: { status: 413, title: 'The request is too large' },
  media_type_unsupported: { status: 415, title: 'The content type is not accepted here' },
  image_type_unsupported: { status: 415, title: 'The file is not an image of an accepted type' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  webhook_refused: { status: 422, title: 'The webhook URL is not acceptable' },
  webhooks_disabled: { status: 422, title: 'Webhooks are not set up on this server' },
  prediction_ended: { status: 409, title: 'The prediction has ended already' },
  idempotency_key_in_use: { status: 409, title: 'This Idempotency-Key is in use right now' },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key belongs to another request' },
  operator_key_invalid: { status: 401, title: 'This call needs the operator key' },
  operator_disabled: { status: 403, title: 'Operator calls are not set up on this server' },
  dead_letter_not_found: { status: 404, title: 'No such dead letter' },
  // Pictures by URL
  url_inputs_disabled: { status: 422, title: 'Pictures by URL are not set up on this server' },
  url_refused: { status: 422, title: 'The URL of the picture is not acceptable' },
  url_unreachable: { status: 422, title: 'The picture cannot be fetched from its URL' },
  // Webhooks
  delivery_not_found: { status: 404, title: 'No such delivery' },
  delivery_not_due: { status: 409, title: 'There is nothing to deliver yet' },
  // Tenants and their shares
  api_key_invalid: { status: 401, title: 'This call needs a valid API key' },
  rate_limited: { status: 429, title: 'Too many predictions in this time' },
  share_exhausted: { status: 429, title: 'Too many unfinished predictions' },
  // Batches
  batch_not_found: { status: 404, title: 'No such batch' },
  batch_ended: { status: 409, title: 'The batch has ended already' },
  batch_invalid: { status: 422, title: 'The batch is not acceptable' },
  archive_invalid: { status: 422, title: 'The ZIP archive cannot be read' },
  archive_entry_invalid: { status: 422, title: 'The entry of the ZIP archive cannot be taken' },
  // The service
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  queue_unavailable: { status: 503, title: 'The queue cannot be reached' },
  queue_full: { status: 503, title: 'The queue is full' },
  upload_store_unavailable: { status: 503, title: 'The store of the pictures cannot be used' },
  shutting_down: { status: 503, title: 'This server is shutting down' },
  prediction_timeout: { status: 504, title: 'The prediction is not finished yet' },
  // The outcome of a prediction
  image_undecodable: { status: 422, title: 'The image cannot be decoded' },
  image_too_large: { status: 422, title: 'The image has too many pixels' },
  decode_timeout: { status: 422, title: 'The image takes too long to decode' },
  prediction_canceled: { status: 409, title: 'The prediction was canceled' },
  prediction_expired: { status: 504, title: 'The prediction was not started in time' },
  upload_expired: { status: 410, title: 'The upload is gone' },
  payload_invalid: { status: 500, title: 'The job in the queue is not valid' },
  inference_failed: { status: 500, title: 'The model failed on this image' },
  worker_lost: { status: 500, title: 'The workers that ran this prediction died' },
} as const satisfies Record<string, { status: number; title: string }>

export type ErrorCode = keyof typeof ERRORS

const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(ERRORS, text)

/** An error with a code and a message that is safe to show to a client. */
export class AppError extends Error {
  readonly code: ErrorCode
  /** When it is worth to come again, ms from now; null when nobody knows. */
  readonly retryAfterMs: number | null

  constructor(
    code: ErrorCode,
    publicMessage: string,
    options: ErrorOptions & { retryAfterMs?: number } = {},
  ) {
    super(publicMessage, options)
    this.name = 'AppError'
    this.code = code
    this.retryAfterMs = options.retryAfterMs ?? null
  }
}

/** How a failure is kept in a job's `failedReason`: `code: message`. */
export const formatFailedReason = (code: ErrorCode, message: string): string => `${code}: ${message}`

// What BullMQ writes itself when a job's lock was lost more often than `maxStalledCount`.
const STALLED_OUT = 'job stalled more than allowable limit'

/**
 * Reads a job's `failedReason`. Anything that we did not write ourselves is `internal_error` with a fixed
 * message, because foreign text (a stack, a Redis key) must not reach a client.
 */
export const parseFailedReason = (failedReason: string): { code: ErrorCode; message: string } => {
  if (failedReason.startsWith(STALLED_OUT)) {
    return { code: 'worker_lost', message: 'every worker that started this prediction died while running it' }
  }
  const end = failedReason.indexOf(': ')
  const code = failedReason.slice(0, end)
  if (end > 0 && isErrorCode(code)) return { code, message: failedReason.slice(end + 2) }
  return { code: 'internal_error', message: 'the prediction failed; the worker log has the reason' }
}
