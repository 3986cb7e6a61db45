import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { startRedisCut } from './redis-cut.ts'

/** Answers whatever it is asked. */
const startUpstream = async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', () => socket.write('+OK\r\n'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, stop: () => server.close() }
}

const openClient = async (url: string) => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write('*1\r\n$4\r\nPING\r\n')
  await once(socket, 'data')
  return socket
}

test('it stops also in the moment of the cut, when its server has closed and its connections have not yet', async (t) => {
  const upstream = await startUpstream()
  t.after(() => upstream.stop())
  const cut = await startRedisCut(upstream.url)
  const client = await openClient(cut.url)
  const gone = once(client, 'close')
  cut.cutAfter(0)
  // The server has told by then that it closed.
  await new Promise<void>((resolve) => process.nextTick(resolve))
  await cut.stop()
  await gone
  assert.ok(cut.isCut())
})
