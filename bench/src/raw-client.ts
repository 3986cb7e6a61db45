import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  status: number
  text: string
}

/** How long the answer in `received` is, head included; null while that is not known. */
const readAnswer = (received: Buffer): RawAnswer | null => {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd === -1) return null
  const head = received.toString('latin1', 0, headEnd)
  const bodyEnd = headEnd + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1])
  if (!(received.length >= bodyEnd)) return null
  return { status: Number(head.slice(9, 12)), text: received.toString('utf8', headEnd + 4, bodyEnd) }
}

/**
 * Posts bodies, by default pictures, over kept connections, one request at a time on each. It does what a benchmark needs and no more: the
 * client runs on the cores that it measures, and a general one takes twice the time.
 */
export const createRawClient = (url: string) => {
  const { hostname, port } = new URL(url)
  const idle: Socket[] = []
  const open = new Set<Socket>()

  const take = (): Socket => {
    const socket = idle.pop() ?? connect(Number(port), hostname).setNoDelay()
    open.add(socket)
    return socket
  }

  return {
    post: (body: Buffer, { path = '/', type = 'image/jpeg' } = {}): Promise<RawAnswer> =>
      new Promise((resolve, reject) => {
        const socket = take()
        let received = Buffer.alloc(0)
        const finish = (settle: () => void): void => {
          socket.removeAllListeners()
          settle()
        }
        socket.on('data', (chunk: Buffer) => {
          received = Buffer.concat([received, chunk])
          const answer = readAnswer(received)
          if (answer === null) return
          finish(() => resolve(answer))
          idle.push(socket)
        })
        socket.on('error', (error) => finish(() => reject(error)))
        socket.on('close', () => finish(() => reject(new Error('the connection was closed'))))
        socket.cork()
        socket.write(
          `POST ${path} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`,
        )
        socket.write(body)
        socket.uncork()
      }),
    close(): void {
      for (const socket of open) socket.destroy()
    },
  }
}
