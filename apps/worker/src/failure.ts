import { AppError, formatFailedReason, type ErrorCode } from '@menagerie/contract/errors'
import { coerceError } from '@menagerie/shared/coerce-error'
import { UnrecoverableError } from 'bullmq'

// The same bytes would fail the same way again.
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'image_type_unsupported',
  'image_undecodable',
  'image_too_large',
  'decode_timeout',
  'prediction_canceled',
  'prediction_expired',
  'upload_expired',
  'payload_invalid',
  'worker_lost',
])

/**
 * The one place that decides what a failed attempt means. The message becomes the job's `failedReason`, so it
 * begins with the code; BullMQ tries again unless the error is unrecoverable.
 */
export const toJobError = (thrown: unknown): Error => {
  if (!(thrown instanceof AppError)) {
    const cause = coerceError(thrown)
    return new Error(
      formatFailedReason('internal_error', 'the prediction failed; the worker log has the reason'),
      { cause },
    )
  }
  const reason = formatFailedReason(thrown.code, thrown.message)
  if (!FINAL.has(thrown.code)) return new Error(reason, { cause: thrown })
  return Object.assign(new UnrecoverableError(reason), { cause: thrown })
}
