import { AppError } from '@menagerie/contract/errors'
import { DurationText, parseDurationMs } from '@menagerie/shared/duration'
import type { IncomingHttpHeaders } from 'node:http'
import Type from 'typebox'
import { CACHE_CONTROL_HEADER, isKnownAnswerEnough } from './cache-control.ts'

/** Schemas of the request headers that every call which asks for a prediction has. */
export const SUBMIT_HEADERS = {
  ...CACHE_CONTROL_HEADER,
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      pattern: String.raw`^[\x20-\x7e]+$`,
      description:
        'Makes a repetition safe: the same key with the same request is the same prediction, as long as that can be read',
      examples: ['order-4711'],
    }),
  ),
  'cancel-after': Type.Optional(
    DurationText({
      description:
        'How long it may wait for a worker before it expires: `30s`, `5m`; at most MAX_QUEUE_AGE, which is the default',
      examples: ['30s'],
    }),
  ),
}

/** @throws AppError `request_invalid` when the time is none at all */
const parseCancelAfter = (header: string | undefined): number | null => {
  if (header === undefined) return null
  const ms = parseDurationMs(header)
  if (ms <= 0) throw new AppError('request_invalid', 'Cancel-After must be more than nothing')
  return ms
}

/**
 * What the headers of such a call ask for; their form has been checked by the schema.
 *
 * @throws AppError `request_invalid`
 */
export const readSubmitHeaders = (headers: IncomingHttpHeaders) => ({
  // Node joins what comes twice, so there is one.
  idempotencyKey: [headers['idempotency-key'] ?? []].flat()[0] ?? null,
  cancelAfterMs: parseCancelAfter([headers['cancel-after'] ?? []].flat()[0]),
  isKnownAnswerEnough: isKnownAnswerEnough(headers['cache-control']),
})
