import { AppError } from '@menagerie/contract/errors'
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * A hook that lets nobody through but who shows the operator key as a bearer token (RFC 6750). Digests are compared, in
 * constant time, so that neither the key nor its length can be found out by timing.
 */
export const createRequireOperator = (operatorKey: string | null) => {
  const expected = operatorKey === null ? null : digest(operatorKey)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (expected === null) {
      throw new AppError('operator_disabled', 'this server has no OPERATOR_KEY, so nobody may do this')
    }
    const token = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1]
    if (token !== undefined && timingSafeEqual(digest(token), expected)) return
    reply.header('www-authenticate', 'Bearer')
    throw new AppError('operator_key_invalid', 'send the operator key as `Authorization: Bearer <key>`')
  }
}
