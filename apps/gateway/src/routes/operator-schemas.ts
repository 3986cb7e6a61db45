import Type from 'typebox'

// What the calls under /v1/dead-letter have in common.

export const LIMIT_DEFAULT = 100
const LIMIT_MAX = 1000

export const Limit = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: LIMIT_MAX,
    default: LIMIT_DEFAULT,
    description: 'How many at the most',
  }),
)

export const HasMore = Type.Boolean({ description: 'true: there are more than `limit`; ask again' })

export const OPERATOR_CODES = [
  'request_invalid',
  'operator_key_invalid',
  'operator_disabled',
  'internal_error',
  'queue_unavailable',
  'queue_full',
] as const
