import { once } from 'node:events'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import { atEnd } from './at-end.ts'

/**
 * A client that says exactly what the test wants, byte for byte. It does not close its side by itself, so that it
 * shows whether the server ends the connection.
 */
export const openRawClient = async (t: TestContext, url: string) => {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  atEnd(t, 'raw client', () => socket.destroy())
  let text = ''
  let hasEnded = false
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  socket.on('end', () => (hasEnded = true))
  // A reset while this side still sends is what a server may do once its answer is out.
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return {
    socket,
    send(bytes: string | Uint8Array): void {
      if (!socket.destroyed) socket.write(bytes)
    },
    /** What the server has sent so far. */
    text: () => text,
    status: () => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0),
    /** Whether the server has closed its side. */
    hasEnded: () => hasEnded || socket.destroyed,
  }
}
export type RawClient = Awaited<ReturnType<typeof openRawClient>>

export const requestHead = (path: string, headers: Record<string, string | number>): string => {
  const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}`)
  return [`POST ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n')
}
