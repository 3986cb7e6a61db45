/** A gateway that stops answers everybody it has, keeps nobody waiting, and loses nothing it accepted. */
import { startGateway, waitUntil } from '@menagerie/harness/processes'
import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atEnd } from './testing/at-end.ts'
import { openTestGateway } from './testing/open-test-gateway.ts'
import { countReads, startPrivateRedis } from './testing/private-redis.ts'
import { openRawClient, requestHead } from './testing/raw-client.ts'
import { readEvents } from './testing/read-events.ts'
import { getPrediction, PICTURE, postForm, readPrediction, submit } from './testing/requests.ts'

test('whoever waits is sent home with what is known, over a connection that then ends', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  const waiting = [
    fetch(`${gateway.url}/v1/predictions/${id}?wait=60`),
    postForm(gateway, { headers: { prefer: 'wait=60' } }),
    postForm(gateway, { path: '/' }),
  ] as const
  await waitUntil('both are in the queue', async () => (await gateway.queue.count()) === 3)
  await gateway.close()

  const [polled, preferred, classic] = await Promise.all(waiting)
  for (const answer of [polled, preferred, classic]) assert.equal(answer.headers.get('connection'), 'close')
  assert.equal(polled.status, 200)
  assert.equal((await readPrediction(polled)).status, 'queued')
  assert.equal(preferred.status, 202)
  assert.equal(classic.status, 202)
  const sent = await readPrediction(classic)
  assert.equal(sent.status, 'queued')
  assert.equal(classic.headers.get('location'), new URL(sent.urls.get).pathname)

  const next = await openTestGateway(t, { REDIS_PREFIX: gateway.prefix })
  const accepted = [id, (await readPrediction(preferred)).id, sent.id]
  for (const id of accepted) assert.equal((await getPrediction(next, id)).status, 'queued')
})

test('idle connections do not hold it up, and new ones are refused', async (t) => {
  const gateway = await openTestGateway(t)
  const idle = await openRawClient(t, gateway.url)
  idle.send('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await waitUntil('it was answered', () => idle.text().includes('alive'))
  const silent = await openRawClient(t, gateway.url)
  await Promise.all([gateway.close(), gateway.close()])
  await waitUntil('both are closed', () => idle.hasEnded() && silent.hasEnded())
  await assert.rejects(fetch(`${gateway.url}/livez`))
})

test('a request that comes over a busy connection while it stops is told so', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url })
  const { id } = await submit(gateway)
  const before = await countReads(gateway.redis)
  const client = await openRawClient(t, gateway.url)
  client.send(`GET /v1/predictions/${id}?wait=60 HTTP/1.1\r\nhost: localhost\r\n\r\n`)
  await waitUntil('it waits', async () => (await countReads(gateway.redis)) > before)
  const closing = gateway.close()
  client.send('GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await closing
  await waitUntil('the connection has ended', () => client.hasEnded())
  assert.equal(client.status(), 200)
  assert.match(client.text(), /"status":"queued"/)
  assert.doesNotMatch(client.text(), /"status":"ready"/)
})

test('an upload that is on its way is taken, and answered', async (t) => {
  const gateway = await openTestGateway(t)
  const client = await openRawClient(t, gateway.url)
  const headers = { 'content-type': 'image/jpeg', 'content-length': PICTURE.length }
  client.send(requestHead('/v1/predictions', headers))
  client.send(PICTURE.subarray(0, 1000))
  await waitUntil('it is on its way', async () => (await gateway.countConnections()) === 1)
  const closing = gateway.close()
  await waitUntil('no connection is accepted any more', () => !gateway.app.server.listening)
  client.send(PICTURE.subarray(1000))
  await closing
  await waitUntil('the connection has ended', () => client.hasEnded())
  assert.equal(client.status(), 202)
  assert.match(client.text(), /\r\nconnection: close\r\n/i)
  assert.equal(await gateway.queue.count(), 1)
})

test('during DRAIN_DELAY it is not ready and serves as before, over connections that then end', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await startGateway({ REDIS_URL: redis.url, DRAIN_DELAY: '10s' })
  atEnd(t, 'gateway process', () => gateway.stop())
  const client = await openRawClient(t, gateway.url)
  client.send('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await waitUntil('it was answered', () => client.text().includes('alive'))

  const ending = gateway.stop()
  await waitUntil('it is not ready', async () => (await fetch(`${gateway.url}/readyz`)).status === 503)
  // Over a connection from before, and over new ones.
  client.send('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await waitUntil('the open connection was served, and ended', () => client.hasEnded())
  assert.equal(client.text().match(/"alive"/g)?.length, 2)
  const accepted = await fetch(`${gateway.url}/v1/predictions`, {
    method: 'POST',
    headers: { 'content-type': 'image/jpeg' },
    body: new Uint8Array(PICTURE),
  })
  assert.equal(accepted.status, 202)
  assert.equal(accepted.headers.get('connection'), 'close')
  const { urls } = await readPrediction(accepted)
  const [waiting, stream] = await Promise.all([fetch(`${urls.get}?wait=60`), readEvents(urls.events)])
  assert.equal(waiting.status, 200)
  await stream.ended
  assert.equal(await ending, 0)
})

test('a second SIGTERM ends the process now', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await startGateway({ REDIS_URL: redis.url, DRAIN_DELAY: '1h' })
  atEnd(t, 'gateway process', () => gateway.kill('SIGKILL'))
  gateway.child.kill('SIGTERM')
  await waitUntil('it is not ready', async () => (await fetch(`${gateway.url}/readyz`)).status === 503)
  await gateway.kill('SIGTERM')
  assert.equal(gateway.child.exitCode, 1)
})

test('SIGTERM ends the process with 0, also while somebody waits', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await startGateway({ REDIS_URL: redis.url })
  atEnd(t, 'gateway process', () => gateway.stop())
  const form = new FormData()
  form.set('file', new Blob([Buffer.from('GIF89a')]), 'a.gif')
  const { id } = await readPrediction(
    await fetch(`${gateway.url}/v1/predictions`, { method: 'POST', body: form }),
  )
  const waiting = fetch(`${gateway.url}/v1/predictions/${id}?wait=60`)
  await waitUntil('it was asked', () => (gateway.log().match(/"path":"\/v1\/predictions"/g) ?? []).length > 0)
  assert.equal(await gateway.stop(), 0)
  assert.equal((await waiting).status, 200)
})

test('SIGTERM ends the process with 0, also while Redis is away', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await startGateway({ REDIS_URL: redis.url, WEBHOOK_SECRET })
  atEnd(t, 'gateway process', () => gateway.stop())
  redis.kill('SIGKILL')
  await redis.exited
  await waitUntil('it has noticed', async () => (await fetch(`${gateway.url}/readyz`)).status === 503)
  assert.equal(await gateway.stop(), 0)
})

test('SIGTERM ends the process with 0, also while Redis hangs', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await startGateway({ REDIS_URL: redis.url, WEBHOOK_SECRET })
  atEnd(t, 'gateway process', () => gateway.stop())
  redis.kill('SIGSTOP')
  assert.equal(await gateway.stop(), 0)
})

test('a setting that is not valid ends the process with 2 and its name', async (t) => {
  const gateway = await startGateway({ RESULT_TTL: 'soon' }, { mustBeReady: false })
  atEnd(t, 'gateway process', () => gateway.stop())
  await waitUntil('it has ended', () => gateway.child.exitCode !== null)
  assert.equal(gateway.child.exitCode, 2)
  assert.match(gateway.log(), /RESULT_TTL/)
})
