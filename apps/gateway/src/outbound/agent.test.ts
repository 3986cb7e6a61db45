/** The agent never connects to a private address, however the URL spells it: the server here must see nobody. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { request } from 'undici'
import { atEnd } from '../testing/at-end.ts'
import { createOutboundAgent } from './agent.ts'

const startCountingServer = async (t: TestContext, host?: string) => {
  let connections = 0
  const server = createServer((_request, response) => response.end('hello'))
  server.on('connection', () => (connections += 1))
  server.listen(0, host)
  await once(server, 'listening')
  atEnd(t, 'counting server', () => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, countConnections: () => connections }
}

const openAgent = (t: TestContext, isPrivateAllowed: boolean) => {
  const agent = createOutboundAgent({ isPrivateAllowed, timeoutMs: 5000 })
  atEnd(t, 'agent', () => agent.destroy())
  return agent
}

const HOSTS = [
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f.1',
  '0.0.0.0',
  '0',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  'localhost',
  'LocalHost',
  'localhost.',
]

for (const host of HOSTS) {
  test(`does not connect to ${host}`, async (t) => {
    const server = await startCountingServer(t)
    const dispatcher = openAgent(t, false)
    for (const scheme of ['http', 'https']) {
      const url = `${scheme}://${host}:${server.port}/`
      // Refused by us, or (a name that this machine does not know) by its resolver; never by the other side.
      await assert.rejects(request(url, { dispatcher }), /is a private address|ENOTFOUND|EAI_AGAIN/)
    }
    assert.equal(server.countConnections(), 0)
  })
}

test('connects there when private addresses are allowed', async (t) => {
  const server = await startCountingServer(t, '127.0.0.1')
  const dispatcher = openAgent(t, true)
  const { statusCode, body } = await request(`http://127.0.0.1:${server.port}/`, { dispatcher })
  await body.dump()
  assert.equal(statusCode, 200)
  assert.equal(server.countConnections(), 1)
})
