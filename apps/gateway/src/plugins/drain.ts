import fp from 'fastify-plugin'
import type { Server, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Waits } from '../waits.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** True from the moment this gateway begins to stop. */
    isDraining: boolean
  }
}

// Requests end at once when nobody waits any more. What is left are uploads on their way.
const UPLOADS_MAX_MS = 15_000
const TIDY_INTERVAL_MS = 1000

/** Sockets over which nothing has come yet. Node counts them as busy, and would wait for them without end. */
const trackSilentSockets = (server: Server) => {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return {
    close(): void {
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    },
  }
}

/**
 * Stopping: not ready at once; after `delayMs`, in which everything is served as before, nobody is kept waiting and no
 * connection is accepted. Meanwhile each answer ends its connection: clients that are in the middle of something leave
 * by themselves, and none of them sends a request into a connection that is just being closed.
 */
export const drain = fp<{ waits: Waits; delayMs: number }>(
  (app, { waits, delayMs }, done) => {
    const silent = trackSilentSockets(app.server)
    app.decorate('isDraining', false)
    app.addHook('preClose', async () => {
      app.isDraining = true
      if (delayMs > 0) await sleep(delayMs)
      waits.stop()
      const tidying = setInterval(() => {
        silent.close()
        // Those that had begun their answer before the drain, and did not hear that it ends their connection.
        app.server.closeIdleConnections()
      }, TIDY_INTERVAL_MS).unref()
      const giveUp = setTimeout(() => app.server.closeAllConnections(), UPLOADS_MAX_MS).unref()
      app.server.once('close', () => {
        clearInterval(tidying)
        clearTimeout(giveUp)
      })
    })
    app.addHook('onSend', async (_request, reply) => {
      if (app.isDraining) reply.header('connection', 'close')
    })
    done()
  },
  { name: 'drain' },
)
