import type { ErrorCode } from '@menagerie/contract/errors'
import { IMAGE_TYPES } from '@menagerie/contract/image-type'
import Type from 'typebox'

const Picture = Type.String({ format: 'binary', description: 'The picture: JPEG, PNG, WebP, GIF or AVIF' })

/** What a route that takes a picture can answer before there is a prediction. */
export const UPLOAD_CODES = [
  'request_invalid',
  'api_key_invalid',
  'multipart_invalid',
  'file_missing',
  'file_empty',
  'files_too_many',
  'payload_too_large',
  'media_type_unsupported',
  'image_type_unsupported',
  'internal_error',
  'queue_unavailable',
  'queue_full',
  'upload_store_unavailable',
  'rate_limited',
  'share_exhausted',
] as const satisfies ErrorCode[]

/** What an Idempotency-Key can be answered with. */
export const KEY_CODES = ['idempotency_key_reused', 'idempotency_key_in_use'] as const satisfies ErrorCode[]

/** The documented bodies of a route that takes a picture, with these form fields beside it. */
export const uploadBody = (fields: Type.TProperties = {}): Record<string, { schema: object }> => ({
  'multipart/form-data': { schema: Type.Object({ file: Picture, ...fields }, { required: ['file'] }) },
  ...Object.fromEntries(IMAGE_TYPES.map((type) => [type, { schema: Picture }])),
})
