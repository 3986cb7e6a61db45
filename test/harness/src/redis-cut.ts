import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** The length of the first whole command (RESP, an array of bulk strings) in what a client has sent; 0: not there yet. */
const measureCommand = (sent: Buffer): number => {
  const readLine = (from: number): { value: number; end: number } | null => {
    const end = sent.indexOf('\r\n', from)
    return end === -1 ? null : { value: Number(sent.toString('latin1', from + 1, end)), end: end + 2 }
  }
  const count = readLine(0)
  if (count === null) return 0
  let end = count.end
  for (let i = 0; i < count.value; i++) {
    const length = readLine(end)
    if (length === null) return 0
    end = length.end + length.value + 2
  }
  return end <= sent.length ? end : 0
}

// One that waits for work has no reply to wait for.
const BLOCKING_MS = 300

export interface RedisCut {
  url: string
  /** From now on so many commands get through, over all connections together; then every connection is cut for good. */
  cutAfter(commands: number): void
  /** Whether the cut has happened. */
  isCut(): boolean
  stop(): Promise<void>
}

/**
 * Stands between a client and its Redis, and takes Redis away after a number of commands: what the client sent last is
 * executed, and neither is it told so nor can it send more. For everybody else that is a crash between two commands.
 */
export const startRedisCut = async (redisUrl: string): Promise<RedisCut> => {
  const { hostname, port } = new URL(redisUrl)
  const sockets = new Set<Socket>()
  let left = Number.POSITIVE_INFINITY
  let isCut = false

  const cut = (): void => {
    if (isCut) return
    isCut = true
    for (const socket of sockets) socket.destroy()
    // Nor does it come back: who tries is refused.
    server.close()
  }
  const track = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    return socket.setNoDelay()
  }

  const server = createServer((client) => {
    track(client)
    const upstream = track(connect(Number(port), hostname))
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    upstream.on('data', (reply: Buffer) => {
      if (left > 0) client.write(reply)
    })
    let sent = Buffer.alloc(0)
    client.on('data', (chunk: Buffer) => {
      sent = Buffer.concat([sent, chunk])
      for (;;) {
        const length = measureCommand(sent)
        if (length === 0 || left === 0) return
        left -= 1
        const command = sent.subarray(0, length)
        sent = sent.subarray(length)
        // What Redis answers to the last one comes back here after it was executed, and goes no further.
        if (left === 0) {
          upstream.once('data', cut)
          setTimeout(cut, BLOCKING_MS).unref()
        }
        upstream.write(command)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    url: `redis://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    cutAfter(commands) {
      left = commands
      if (commands === 0) cut()
    },
    isCut: () => isCut,
    async stop() {
      cut()
      // Not for its server: that has closed once they are all destroyed, before they have.
      const closing = Array.from(sockets, (socket) => new Promise((resolve) => socket.once('close', resolve)))
      await Promise.all(closing)
    },
  }
}
