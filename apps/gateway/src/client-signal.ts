import type { FastifyReply } from 'fastify'

/**
 * Fires when the client goes away before its answer is out. (`request.signal` does not, once the body has been read:
 * it listens for the end of the request, which has happened by then.)
 */
export const createClientSignal = (reply: FastifyReply): AbortSignal => {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort()
  })
  return controller.signal
}
