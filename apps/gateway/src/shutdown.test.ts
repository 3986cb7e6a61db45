/** A gateway that stops answers everybody it has, keeps nobody waiting, and loses nothing it accepted. */
import { startGateway, waitUntil } from '@menagerie/harness/processes'
import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atEnd } from './testing/at-end.ts'
import { openTestGateway } from './testing/open-test-gateway.ts'
import { countReads, startPrivateRedis } from './testing/private-redis.ts'
import { openRawClient } from './testing/raw-client.ts'
import { getPrediction, postForm, readPrediction, submit } from './testing/requests.ts'

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

test('a setting that is not valid ends the process with 2 and its name', async (t) => {
  const gateway = await startGateway({ RESULT_TTL: 'soon' }, { mustBeReady: false })
  atEnd(t, 'gateway process', () => gateway.stop())
  await waitUntil('it has ended', () => gateway.child.exitCode !== null)
  assert.equal(gateway.child.exitCode, 2)
  assert.match(gateway.log(), /RESULT_TTL/)
})
