import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Cut } from './schedule.ts'

export interface Proxy {
  readonly port: number
  /** Cuts every connection that is open now; returns how many. New ones are let through. */
  cut(how: Cut): number
  stop(): Promise<void>
}

interface Link {
  client: Socket
  server: Socket
  /** What happens to the next bytes that it concerns; null: they pass; `ending`: none passes any more. */
  armed: Exclude<Cut, 'both-ways'> | 'ending' | null
}

/** Passes bytes on as fast as the other side takes them. */
const forward = (from: Socket, to: Socket, chunk: Buffer): void => {
  if (to.write(chunk)) return
  from.pause()
  to.once('drain', () => from.resume())
}

/** A TCP proxy in front of a port of the loopback, whose connections can be cut. */
export const startProxy = async (targetPort: number): Promise<Proxy> => {
  const links = new Set<Link>()

  const destroy = (link: Link): void => {
    links.delete(link)
    // A reset, as from a machine that is gone: the other side learns of it at once, and of nothing else.
    link.client.resetAndDestroy()
    link.server.resetAndDestroy()
  }

  const onRequest = (link: Link, chunk: Buffer): void => {
    if (link.armed === 'ending') return
    if (link.armed !== 'half-request') {
      forward(link.client, link.server, chunk)
      return
    }
    link.armed = 'ending'
    // An orderly end, or the kernel would throw away what the server has not read yet.
    link.server.end(chunk.subarray(0, Math.ceil(chunk.length / 2)), () => link.client.resetAndDestroy())
  }

  const onReply = (link: Link, chunk: Buffer): void => {
    if (link.armed === 'lost-reply') destroy(link)
    else if (link.armed !== 'ending') forward(link.server, link.client, chunk)
  }

  const server = createServer((client) => {
    const link: Link = { client, server: connect(targetPort, '127.0.0.1'), armed: null }
    links.add(link)
    client.setNoDelay(true)
    link.server.setNoDelay(true)
    client.on('data', (chunk: Buffer) => onRequest(link, chunk))
    link.server.on('data', (chunk: Buffer) => onReply(link, chunk))
    for (const socket of [client, link.server]) {
      socket.on('error', () => destroy(link))
      socket.on('close', () => destroy(link))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()

  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut(how) {
      const open = [...links]
      for (const link of open) {
        if (how === 'both-ways') destroy(link)
        else link.armed = how
      }
      return open.length
    },
    async stop() {
      for (const link of links) destroy(link)
      server.close()
      await once(server, 'close')
    },
  }
}
