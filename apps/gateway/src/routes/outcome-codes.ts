import type { ErrorCode } from '@menagerie/contract/errors'

/** What a route that waits for a prediction can answer when there is no result. */
export const OUTCOME_CODES = [
  'image_undecodable',
  'image_too_large',
  'decode_timeout',
  'prediction_canceled',
  'prediction_expired',
  'prediction_timeout',
  'upload_expired',
  'payload_invalid',
  'inference_failed',
  'worker_lost',
] as const satisfies ErrorCode[]
