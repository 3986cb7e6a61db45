import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '../plugins/error-handler.ts'
import { sendTorchServeError } from './torchserve.ts'
import { sendInferenceError } from './v2/v2.ts'

/** Answers what cannot have a route, as the routes beside it answer: a path that cannot be decoded, or with too long a part. */
export const sendUnroutable = (
  error: Error,
  { url }: Pick<FastifyRequest, 'url'>,
  reply: FastifyReply,
): FastifyReply => {
  if (url.startsWith('/v2/')) return sendInferenceError(reply, 'request_invalid', error.message, null)
  if (url.startsWith('/predictions/'))
    return sendTorchServeError(reply, 'request_invalid', error.message, null)
  return sendProblem(reply, 'request_invalid', error.message)
}
