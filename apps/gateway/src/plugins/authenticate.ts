import { AppError } from '@menagerie/contract/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Tenant } from '../tenants/tenant.ts'
import type { Tenants } from '../tenants/tenants.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks. Not on routes with an `access` of their own. */
    tenant: Tenant
  }
  interface FastifyContextConfig {
    /** Who may call it: everybody, or operators, who have a key of their own. By default tenants with their API key. */
    access?: 'open' | 'operator'
  }
}

/** Routes of plugins, which declare nothing. */
const isDocumentation = (url: string): boolean => /^\/docs(?:\/|$)/.test(url)

const needsTenant = ({ routeOptions: { url, config } }: FastifyRequest): boolean =>
  url !== undefined && config.access === undefined && !isDocumentation(url)

/** The token of `Authorization: Bearer <token>` (RFC 6750); null when there is none. */
const readBearer = (header: string | undefined): string | null =>
  /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1] ?? null

/** Finds out who asks, before a byte of the body is read; who has no valid key gets 401. */
export const authenticate = fp<{ tenants: Pick<Tenants, 'identify'> }>(
  (app, { tenants }, done) => {
    app.decorateRequest('tenant')
    app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
      if (!needsTenant(request)) return
      const tenant = tenants.identify(readBearer(request.headers.authorization))
      if (tenant === null) {
        reply.header('www-authenticate', 'Bearer')
        throw new AppError('api_key_invalid', 'send your API key as `Authorization: Bearer <key>`')
      }
      request.tenant = tenant
    })
    done()
  },
  { name: 'authenticate' },
)
