import type { onRequestAsyncHookHandler } from 'fastify'
import type { AccessLevel } from '../config.ts'
import { requireTenant } from '../plugins/authenticate.ts'
import type { Tenants } from '../tenants/tenants.ts'
import { createIsOperator, createRequireOperator } from './require-operator.ts'

/**
 * A hook that lets through whom the setting of these routes names; they have `access: 'configured'`. Operators may read
 * whatever tenants may. What is off is no route at all.
 */
export const createRequireAccess = (
  level: AccessLevel,
  { tenants, operatorKey }: { tenants: Pick<Tenants, 'identify'>; operatorKey: string | null },
): onRequestAsyncHookHandler => {
  const isOperator = createIsOperator(operatorKey)
  const hooks: Record<AccessLevel, onRequestAsyncHookHandler> = {
    open: async () => undefined,
    async tenant(request, reply) {
      if (!isOperator(request)) requireTenant(tenants, request, reply)
    },
    operator: createRequireOperator(operatorKey),
    async off(_request, reply) {
      reply.callNotFound()
      return reply
    },
  }
  return hooks[level]
}
