import type { ErrorCode } from '@menagerie/contract/errors'
import fp from 'fastify-plugin'
import type { GatewayMetrics } from '../metrics/gateway-metrics.ts'

declare module 'fastify' {
  interface FastifyReply {
    /** Of the error that is answered; null: none. */
    errorCode: ErrorCode | null
  }
}

/** Counts each answer by the pattern of its route; URLs are for the log alone. Who left before gets none, and no count. */
export const observeRequests = fp<{ answered: GatewayMetrics['answered'] }>(
  (app, { answered }, done) => {
    app.decorateReply('errorCode', null)
    app.addHook('onResponse', async ({ method, routeOptions }, reply) => {
      const { statusCode: status, elapsedTime: ms, errorCode: code } = reply
      answered({ method, route: routeOptions.url, status, ms, code })
    })
    done()
  },
  { name: 'observe-requests' },
)
