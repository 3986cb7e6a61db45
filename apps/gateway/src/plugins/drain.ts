import fp from 'fastify-plugin'
import type { Waits } from '../waits.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** True from the moment this gateway begins to stop. */
    isDraining: boolean
  }
}

// Requests end at once when nobody waits any more. What is left are uploads on their way, and connections on which
// nothing was ever sent, which Node would wait for without end.
const REST_MS = 10_000

/** While the gateway stops: not ready, nobody is kept waiting, and each answer ends its connection. */
export const drain = fp<{ waits: Waits }>(
  (app, { waits }, done) => {
    app.decorate('isDraining', false)
    app.addHook('preClose', (closed) => {
      app.isDraining = true
      waits.stop()
      setTimeout(() => app.server.closeAllConnections(), REST_MS).unref()
      closed()
    })
    // A keep-alive connection that was busy when closing began would hold it up for 72 s.
    app.addHook('onSend', async (_request, reply) => {
      if (app.isDraining) reply.header('connection', 'close')
    })
    done()
  },
  { name: 'drain' },
)
