import { AppError } from '@menagerie/contract/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { readBearer } from '../read-bearer.ts'
import type { Tenant } from '../tenants/tenant.ts'
import type { Tenants } from '../tenants/tenants.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks. Not on routes with an `access` of their own. */
    tenant: Tenant
  }
  interface FastifyContextConfig {
    /**
     * Who may call it: everybody, operators, who have a key of their own, or whom a setting names (see
     * routes/require-access.ts). By default tenants with their API key.
     */
    access?: 'open' | 'operator' | 'configured'
  }
}

/** Routes of plugins, which declare nothing. */
const isDocumentation = (url: string): boolean => /^\/docs(?:\/|$)/.test(url)

const needsTenant = ({ routeOptions: { url, config } }: FastifyRequest): boolean =>
  url !== undefined && config.access === undefined && !isDocumentation(url)

/** @throws AppError `api_key_invalid` */
export const requireTenant = (
  tenants: Pick<Tenants, 'identify'>,
  request: FastifyRequest,
  reply: FastifyReply,
): Tenant => {
  const tenant = tenants.identify(readBearer(request))
  if (tenant !== null) return tenant
  reply.header('www-authenticate', 'Bearer')
  throw new AppError('api_key_invalid', 'send your API key as `Authorization: Bearer <key>`')
}

/** Finds out who asks, before a byte of the body is read; who has no valid key gets 401. */
export const authenticate = fp<{ tenants: Pick<Tenants, 'identify'> }>(
  (app, { tenants }, done) => {
    app.decorateRequest('tenant')
    app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
      if (!needsTenant(request)) return
      request.tenant = requireTenant(tenants, request, reply)
    })
    done()
  },
  { name: 'authenticate' },
)
