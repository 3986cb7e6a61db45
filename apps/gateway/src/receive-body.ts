import { AppError } from '@menagerie/contract/errors'
import type { FastifyRequest } from 'fastify'
import type { Readable } from 'node:stream'

/**
 * Takes in a whole body that comes as a stream. A declared length over the cap is refused before any byte is read.
 *
 * @throws AppError `payload_too_large`, `file_missing`
 */
export const receiveBody = async (request: FastifyRequest, bytesMax: number): Promise<Buffer> => {
  const tooLarge = (): AppError =>
    new AppError('payload_too_large', `the body may have at most ${bytesMax} bytes`)
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge()
  const body = request.body as Readable | null | undefined
  const missing = (): AppError => new AppError('file_missing', 'there is no body')
  if (body == null) throw missing()
  const received: Buffer[] = []
  let size = 0
  // Leaving the loop early must not destroy the socket, over which the answer goes.
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > bytesMax) throw tooLarge()
    received.push(chunk)
  }
  if (size === 0) throw missing()
  return Buffer.concat(received)
}
