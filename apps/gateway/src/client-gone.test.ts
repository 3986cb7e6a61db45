/** Only who waits on `POST /` without a key takes its prediction along when it leaves; nobody else has that one's id. */
import { CANCELED_AT_FIELD } from '@menagerie/contract/job-record'
import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createGate, startFakeWorker } from './testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from './testing/open-test-gateway.ts'
import { openRawClient, requestHead } from './testing/raw-client.ts'
import { readEvents } from './testing/read-events.ts'
import { getPrediction, PICTURE, postForm, readPrediction } from './testing/requests.ts'

type Headers = Record<string, string>

/** Posts a picture, and leaves once its prediction is in the queue; resolves with its id. */
const postAndLeave = async (
  t: TestContext,
  gateway: TestGateway,
  path: string,
  headers: Headers = {},
): Promise<string> => {
  const before = new Set((await gateway.queue.getJobs()).map(({ id }) => id))
  const client = await openRawClient(t, gateway.url)
  const about = { 'content-type': 'image/jpeg', 'content-length': PICTURE.length, ...headers }
  client.send(requestHead(path, about))
  client.send(PICTURE)
  let id = ''
  await waitUntil('it is in the queue', async () => {
    const jobs = await gateway.queue.getJobs()
    id = jobs.find((job) => !before.has(job.id))?.id ?? ''
    return id !== ''
  })
  assert.equal(client.text(), '')
  client.socket.destroy()
  return id
}

const waitUntilAlone = (gateway: TestGateway) =>
  // fetch keeps a connection of its own.
  waitUntil('the gateway has noticed', async () => (await gateway.countConnections()) <= 1)

const isCanceled = async (gateway: TestGateway, id: string): Promise<boolean> =>
  (await gateway.redis.hexists(gateway.queue.toKey(id), CANCELED_AT_FIELD)) === 1

test('a caller of POST / who leaves cancels its prediction, and its picture goes', async (t) => {
  const gateway = await openTestGateway(t)
  const id = await postAndLeave(t, gateway, '/')
  await waitUntil('it is canceled', async () => (await getPrediction(gateway, id)).status === 'canceled')
  await waitUntil('the picture is gone', async () => (await gateway.listUploads()).length === 0)
})

test('a caller of POST / who leaves while it runs cancels it too', async (t) => {
  const gateway = await openTestGateway(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const id = await postAndLeave(t, gateway, '/')
  await waitUntil('it is canceled', async () => (await getPrediction(gateway, id)).status === 'canceled')
  gate.open()
})

test('a caller of POST / with an Idempotency-Key who leaves cancels nothing, and gets the answer when it comes again', async (t) => {
  const gateway = await openTestGateway(t)
  const key = { 'idempotency-key': 'order-4711' }
  const id = await postAndLeave(t, gateway, '/', key)
  await waitUntilAlone(gateway)
  assert.equal(await isCanceled(gateway, id), false)
  await startFakeWorker(t, gateway)
  const again = await fetch(gateway.url, {
    method: 'POST',
    headers: { 'content-type': 'image/jpeg', ...key },
    body: new Uint8Array(PICTURE),
  })
  assert.equal(again.status, 200)
  assert.equal((await getPrediction(gateway, id)).status, 'succeeded')
})

test('a caller of POST / whose time is up has not left: its prediction goes on', async (t) => {
  const gateway = await openTestGateway(t, { SYNC_TIMEOUT: '0.1s' })
  const answer = await postForm(gateway, { path: '/' })
  assert.equal(answer.status, 504)
  const id = answer.headers.get('location')?.split('/').at(-1) ?? ''
  assert.equal((await getPrediction(gateway, id)).status, 'queued')
})

test('who waits with Prefer: wait, a long poll or a stream, and leaves, cancels nothing', async (t) => {
  const gateway = await openTestGateway(t)
  const id = await postAndLeave(t, gateway, '/v1/predictions', { prefer: 'wait=60' })
  const leaving = new AbortController()
  const { signal } = leaving
  const polling = fetch(`${gateway.url}/v1/predictions/${id}?wait=60`, { signal }).catch(() => 'left')
  const stream = await readEvents(`${gateway.url}/v1/predictions/${id}/events`)
  await waitUntil('both wait', async () => (await gateway.countConnections()) >= 2)
  leaving.abort()
  stream.leave()
  assert.equal(await polling, 'left')
  await waitUntilAlone(gateway)
  assert.equal(await isCanceled(gateway, id), false)
  await startFakeWorker(t, gateway)
  assert.equal((await getPrediction(gateway, id, '?wait=60')).status, 'succeeded')
})

test('a gateway that stops sends a caller of POST / home, and cancels nothing', async (t) => {
  const gateway = await openTestGateway(t)
  const waiting = postForm(gateway, { path: '/' })
  await waitUntil('it is in the queue', async () => (await gateway.queue.count()) === 1)
  await gateway.close()
  const answer = await waiting
  assert.equal(answer.status, 202)
  const { id } = await readPrediction(answer)
  assert.equal(await isCanceled(gateway, id), false)
  const next = await openTestGateway(t, { REDIS_PREFIX: gateway.prefix })
  assert.equal((await getPrediction(next, id)).status, 'queued')
})
