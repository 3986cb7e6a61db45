import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { isReady } from './processes.ts'

const PROBE_INTERVAL_MS = 100

const tryConnect = async (url: string): Promise<Socket | null> => {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true })
  try {
    await once(socket, 'connect')
    return socket
  } catch {
    return null
  }
}

/** Passes everything on in both directions, an end as an end and a reset as a reset. */
const join = (client: Socket, server: Socket): void => {
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    from.on('error', () => to.resetAndDestroy())
    from.pipe(to)
  }
}

/**
 * A TCP balancer, as simple as one can be that watches readiness: new connections go in turn to the servers whose
 * `/readyz` said 200 when it was last asked, every 100 ms; to all of them when none did. A connection that cannot be
 * made goes to the next one. Existing connections are left alone.
 */
export const startBalancer = async (servers: string[]) => {
  let ready: string[] = []
  let turn = 0
  const probe = async (): Promise<void> => {
    const answers = await Promise.all(servers.map(isReady))
    ready = servers.filter((_, i) => answers[i])
  }
  await probe()
  const timer = setInterval(() => void probe(), PROBE_INTERVAL_MS)

  const sockets = new Set<Socket>()
  const balance = async (client: Socket): Promise<void> => {
    sockets.add(client)
    client.once('close', () => sockets.delete(client))
    const inTurn = ready.length > 0 ? ready : servers
    turn += 1
    for (let i = 0; i < inTurn.length; i++) {
      const server = await tryConnect(inTurn[(turn + i) % inTurn.length] ?? '')
      if (server !== null) return join(client, server)
    }
    client.resetAndDestroy()
  }
  const listener = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (client) => {
    client.on('error', () => undefined)
    void balance(client)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      clearInterval(timer)
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}
