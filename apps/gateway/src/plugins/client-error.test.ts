import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { waitUntil } from '@menagerie/harness/processes'
import { openRawClient, requestHead, type RawClient } from '../testing/raw-client.ts'
import { PICTURE, postForm, submit } from '../testing/requests.ts'
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

test('what cannot be read costs what came whole before it nothing of its answer', async (t) => {
  const gateway = await openTestGateway(t)
  const head = (more: string) =>
    `POST /v1/predictions HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\nContent-Length: ${PICTURE.length}\r\n${more}\r\n`
  for (const [more, statuses] of [
    ['', [202, 202, 400]],
    ['Connection: close\r\n', [202]],
  ] as const) {
    const client = await openRawClient(t, gateway.url)
    client.send(Buffer.concat([Buffer.from(head(more)), PICTURE, Buffer.from(head(more)), PICTURE]))
    client.send('this is not HTTP\r\n\r\n')
    await waitUntil('the server has closed', () => client.hasEnded())
    const answered = Array.from(client.text().matchAll(/HTTP\/1\.1 (\d{3}) [A-Z]/g), ([, status]) =>
      Number(status),
    )
    assert.deepEqual(answered, statuses)
  }
})

test('a connection that ends gives back what was held for requests in line on it', async (t) => {
  const bytes = 10_000_000
  const gateway = await openTestGateway(t, { UPLOADS_IN_FLIGHT_BYTES: String(bytes) })
  const { id } = await submit(gateway)
  const clients: RawClient[] = []
  await waitUntil('there is no room for another', async () => {
    const client = await openRawClient(t, gateway.url)
    clients.push(client)
    client.send(`GET /v1/predictions/${id}?wait=60 HTTP/1.1\r\nhost: a\r\n\r\n`)
    client.send(requestHead('/v1/predictions', { 'content-type': 'image/jpeg', 'content-length': bytes }))
    await fetch(`${gateway.url}/readyz`)
    return (await postForm(gateway)).status === 503
  })
  for (const client of clients) client.socket.destroy()
  await waitUntil('there is room again', async () => (await postForm(gateway)).status === 202)
})
