import fp from 'fastify-plugin'
import type { Socket } from 'node:net'

const LINGER_MS = 1000

/**
 * Lingering close (RFC 9112, 9.6). When an answer goes out before the upload has arrived in full, closing at once
 * makes the kernel send a reset, and the client may lose the answer that explains why. So the sending side is
 * closed first, and what still arrives is read and dropped until the client closes, for one second at most.
 */
const lingerThenDestroy = (socket: Socket): void => {
  if (socket.destroyed) return
  // The client has closed its side already: nothing more will arrive.
  if (socket.readableEnded) {
    socket.end(() => socket.destroy())
    return
  }
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
  socket.once('end', () => socket.destroy())
  socket.end()
  socket.resume()
}

export const linger = fp(
  (app, _options, done) => {
    // Node's HTTP server calls this method when a connection ends after an answer.
    app.server.on('connection', (socket: Socket) => {
      socket.destroySoon = () => lingerThenDestroy(socket)
    })
    done()
  },
  { name: 'linger' },
)
