import type { FastifyRequest } from 'fastify'

/** The token of `Authorization: Bearer <token>` (RFC 6750); null when there is none. */
export const readBearer = ({ headers }: Pick<FastifyRequest, 'headers'>): string | null =>
  /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1] ?? null
