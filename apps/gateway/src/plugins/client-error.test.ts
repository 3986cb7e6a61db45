import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { openTestGateway } from '../testing/open-test-gateway.ts'

/** Sends these bytes and returns everything that comes back until the connection ends. */
const exchange = async (url: string, request: string): Promise<string> => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.write(request)
  return text(socket)
}

test('what is no request is answered as a problem too', async (t) => {
  const gateway = await openTestGateway(t)
  const long = 'x'.repeat(20_000)
  for (const [request, status, code] of [
    ['this is not HTTP\r\n\r\n', 400, 'request_invalid'],
    [`GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${long}\r\n\r\n`, 431, 'headers_too_large'],
  ] as const) {
    const [head = '', body = ''] = (await exchange(gateway.url, request)).split('\r\n\r\n')
    assert.match(head, new RegExp(`^HTTP/1.1 ${status} `))
    assert.match(head, /content-type: application\/problem\+json/i)
    assert.equal((JSON.parse(body) as { code: string }).code, code)
  }
})
