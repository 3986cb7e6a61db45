import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { startProxy } from './proxy.ts'

/** Other than once(), it takes an error before the end for no failure. */
const waitForClose = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()))

/** A server that answers `ok` to each message, behind a proxy, and a client of it. */
const openLink = async (t: TestContext) => {
  const received: string[] = []
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk.toString())
      socket.write('ok')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const proxy = await startProxy(typeof address === 'object' && address !== null ? address.port : 0)
  const open = async (): Promise<Socket> => {
    const client = connect(proxy.port, '127.0.0.1')
    client.on('error', () => undefined)
    await once(client, 'connect')
    client.write('hello')
    assert.equal(String(await once(client, 'data')), 'ok')
    return client
  }
  t.after(async () => {
    await proxy.stop()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { proxy, open, received }
}

test('bytes pass both ways, and after a cut new connections do again', async (t) => {
  const { proxy, open } = await openLink(t)
  const client = await open()
  const closed = waitForClose(client)
  assert.equal(proxy.cut('both-ways'), 1)
  await closed
  await open()
})

test('a lost reply: the server has got the message, and the client gets no answer', async (t) => {
  const { proxy, open, received } = await openLink(t)
  const client = await open()
  const answers: string[] = []
  client.on('data', (chunk: Buffer) => answers.push(chunk.toString()))
  proxy.cut('lost-reply')
  client.write('a message')
  await waitForClose(client)
  assert.deepEqual(received, ['hello', 'a message'])
  assert.deepEqual(answers, [])
})

test('half a request: the server gets the first half, and the client gets no answer', async (t) => {
  const { proxy, open, received } = await openLink(t)
  const client = await open()
  proxy.cut('half-request')
  client.write('12345678')
  await waitForClose(client)
  assert.deepEqual(received, ['hello', '1234'])
})
