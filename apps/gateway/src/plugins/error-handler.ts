import { AppError, ERRORS, type ErrorCode } from '@menagerie/contract/errors'
import { createProblem } from '@menagerie/contract/problem'
import { coerceError } from '@menagerie/shared/coerce-error'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { describeValidation } from '../describe-validation.ts'
import { logPrediction } from './trace-requests.ts'

const RETRY_AFTER_MS = 5000
// Capacity changes: who is told to come in hours would miss that.
const RETRY_AFTER_MAX_S = 3600

const readRetryAfterS = (error: Error | null): number => {
  const ms = (error instanceof AppError ? error.retryAfterMs : null) ?? RETRY_AFTER_MS
  return Math.min(RETRY_AFTER_MAX_S, Math.max(1, Math.ceil(ms / 1000)))
}

/** Begins an answer that is an error: its status, and when to come again. */
export const beginError = (reply: FastifyReply, code: ErrorCode, error: Error | null): FastifyReply => {
  const { status } = ERRORS[code]
  reply.errorCode = code
  if (status === 503 || status === 429) reply.header('retry-after', readRetryAfterS(error))
  return reply.code(status)
}

/** Sends an error as RFC 9457 problem+json. */
export const sendProblem = (
  reply: FastifyReply,
  code: ErrorCode,
  detail: string,
  extra: { prediction_url?: string } = {},
  error: Error | null = null,
): FastifyReply =>
  beginError(reply, code, error)
    .type('application/problem+json')
    .send(createProblem(code, detail, reply.request.id, extra))

/** Sends an error in the shape that the clients of a route know. */
export type SendError = (
  reply: FastifyReply,
  code: ErrorCode,
  detail: string,
  error: Error | null,
) => FastifyReply

const FASTIFY_CODES: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'request_invalid',
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_BAD_URL: 'request_invalid',
  // The client went away in the middle of its upload.
  ECONNRESET: 'request_invalid',
}

/** Code and public text of whatever was thrown. Only what is meant for clients reaches them. */
const explain = (error: Error): { code: ErrorCode; detail: string } => {
  if (error instanceof AppError) return { code: error.code, detail: error.message }
  const { code: fastifyCode, statusCode, validation, validationContext } = error as Partial<FastifyError>
  if (validation !== undefined) {
    const place = validationContext === 'querystring' ? 'query parameter' : (validationContext ?? 'value')
    return { code: 'request_invalid', detail: describeValidation(place, validation) }
  }
  if (fastifyCode === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const detail = 'send multipart/form-data with a file, or the picture itself as image/jpeg, image/png, …'
    return { code: 'media_type_unsupported', detail }
  }
  const known = FASTIFY_CODES[fastifyCode ?? '']
  if (known !== undefined) return { code: known, detail: error.message }
  if (statusCode !== undefined && statusCode < 500) return { code: 'request_invalid', detail: error.message }
  return { code: 'internal_error', detail: 'the request failed; the log has the reason under its request id' }
}

/**
 * A body that was not read to its end cannot be followed by another request, so the connection ends with the
 * answer; what still arrives is thrown away meanwhile.
 */
const endConnectionOfUnreadBody = (request: FastifyRequest, reply: FastifyReply): void => {
  if (request.raw.complete) return
  reply.header('connection', 'close')
  request.raw.resume()
}

/** The one place where an error becomes an answer. */
export const createErrorHandler =
  (send: SendError) =>
  (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const err = coerceError(thrown)
    const { code, detail } = explain(err)
    const level = code === 'internal_error' ? 'error' : ERRORS[code].status >= 500 ? 'warn' : 'info'
    request.log[level]({ err, code, ...logPrediction(request) }, 'request failed')
    endConnectionOfUnreadBody(request, reply)
    return send(reply, code, detail, err)
  }

export const createNotFoundHandler =
  (send: SendError) =>
  (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    endConnectionOfUnreadBody(request, reply)
    return send(reply, 'route_not_found', `there is no ${request.method} ${request.url.split('?')[0]}`, null)
  }

export const errorHandler = fp(
  (app, _options, done) => {
    const send: SendError = (reply, code, detail, error) => sendProblem(reply, code, detail, {}, error)
    app.setErrorHandler(createErrorHandler(send))
    app.setNotFoundHandler(createNotFoundHandler(send))
    done()
  },
  { name: 'error-handler' },
)
