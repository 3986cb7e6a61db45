import { AppError } from '@menagerie/contract/errors'
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { readBearer } from '../read-bearer.ts'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * Whether a request shows the operator key as a bearer token. Digests are compared, in constant time, so that neither the
 * key nor its length can be found out by timing.
 */
export const createIsOperator = (operatorKey: string | null) => {
  const expected = operatorKey === null ? null : digest(operatorKey)
  return (request: FastifyRequest): boolean => {
    const token = readBearer(request)
    return expected !== null && token !== null && timingSafeEqual(digest(token), expected)
  }
}

/** A hook that lets nobody through but operators. */
export const createRequireOperator = (operatorKey: string | null) => {
  const isOperator = createIsOperator(operatorKey)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (operatorKey === null) {
      throw new AppError('operator_disabled', 'this server has no OPERATOR_KEY, so nobody may do this')
    }
    if (isOperator(request)) return
    reply.header('www-authenticate', 'Bearer')
    throw new AppError('operator_key_invalid', 'send the operator key as `Authorization: Bearer <key>`')
  }
}
