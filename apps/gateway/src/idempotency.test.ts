/** However often a request with an Idempotency-Key is sent, at whatever moments, it is one prediction. */
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { atEnd } from './testing/at-end.ts'
import { createGate, startFakeWorker } from './testing/fake-worker.ts'
import { openTestGateway } from './testing/open-test-gateway.ts'
import {
  cancel,
  expectProblem,
  getPrediction,
  PICTURE,
  postForm,
  readPrediction,
  submit,
} from './testing/requests.ts'

const KEY = { 'idempotency-key': 'order-4711' }

test('a repetition is the same prediction, and leaves nothing of its own', async (t) => {
  const gateway = await openTestGateway(t)
  const first = await submit(gateway, { headers: KEY })
  const again = await submit(gateway, { headers: KEY })
  assert.equal(again.id, first.id)
  assert.equal(again.created_at, first.created_at)
  assert.equal(await gateway.queue.count(), 1)
  assert.equal((await gateway.listUploads()).length, 1)
})

test('a repetition after the end has the answer', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const headers = { ...KEY, prefer: 'wait=60' }
  const first = await readPrediction(await postForm(gateway, { headers }))
  const again = await postForm(gateway, { headers })
  assert.equal(again.status, 200)
  assert.deepEqual(await readPrediction(again), first)
  assert.equal(await gateway.queue.getCompletedCount(), 1)
})

test('two gateways make the same of a key, and another prefix something else', async (t) => {
  const gateway = await openTestGateway(t)
  const second = await openTestGateway(t, { REDIS_PREFIX: gateway.prefix })
  const other = await openTestGateway(t)
  const { id } = await submit(gateway, { headers: KEY })
  assert.equal((await submit(second, { headers: KEY })).id, id)
  assert.notEqual((await submit(other, { headers: KEY })).id, id)
})

test('the same key for something else is refused', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway, { headers: KEY })
  const others = [
    { picture: Buffer.concat([PICTURE, randomBytes(8)]) },
    { fields: { top_k: '3' } },
    { fields: { metadata: '{"a":1}' } },
    { headers: { ...KEY, 'cancel-after': '5m' } },
  ]
  for (const other of others) {
    await expectProblem(await postForm(gateway, { headers: KEY, ...other }), 'idempotency_key_reused')
  }
  assert.equal((await gateway.listUploads()).length, 1)
  assert.equal((await submit(gateway, { headers: KEY })).id, id)
})

test('many at the same moment, at two gateways, with a webhook: one prediction, one webhook', async (t) => {
  const env = { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1' }
  const gateway = await openTestGateway(t, env)
  const second = await openTestGateway(t, { ...env, REDIS_PREFIX: gateway.prefix })
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const fields = { webhook: receiver.url }
  const keys = Array.from({ length: 8 }, (_, i) => `key ${i}`)
  const answers = await Promise.all(
    keys.flatMap((key) =>
      [gateway, second, gateway, second].map(async (at) => {
        const headers = { 'idempotency-key': key }
        return { key, id: (await submit(at, { headers, fields })).id }
      }),
    ),
  )
  const ids = keys.map((key) => new Set(answers.filter((answer) => answer.key === key).map(({ id }) => id)))
  for (const set of ids) assert.equal(set.size, 1)
  assert.equal((await gateway.listUploads()).length, keys.length)
  const waitingChildren = await gateway.redis.zcard(`${gateway.prefix}:webhooks:waiting-children`)
  assert.equal(waitingChildren, keys.length, 'no webhook is left over')

  gate.open()
  await waitUntil(
    'each is delivered',
    () => new Set(receiver.received.map(({ id }) => id)).size === keys.length,
  )
  await waitUntil('nothing is on its way', async () => {
    const places = ['wait', 'active'].map((place) =>
      gateway.redis.llen(`${gateway.prefix}:webhooks:${place}`),
    )
    return (await Promise.all(places)).every((count) => count === 0)
  })
  assert.equal(receiver.received.length, keys.length)
  assert.deepEqual(
    new Set(receiver.received.map(({ event }) => event.data['id'])),
    new Set(ids.map((set) => [...set][0])),
  )
})

test('many different requests with one key at the same moment: one is taken, the others are refused', async (t) => {
  const gateway = await openTestGateway(t)
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      postForm(gateway, { headers: KEY, fields: { metadata: JSON.stringify({ i }) } }),
    ),
  )
  const taken = answers.filter(({ status }) => status === 202)
  assert.equal(taken.length, 1)
  const prediction = await readPrediction(taken[0]!)
  for (const answer of answers.filter(({ status }) => status !== 202)) {
    await expectProblem(answer, 'idempotency_key_reused')
  }
  assert.deepEqual((await getPrediction(gateway, prediction.id)).metadata, prediction.metadata)
  assert.equal(await gateway.queue.count(), 1)
  assert.equal((await gateway.listUploads()).length, 1)
})

test('a canceled prediction is what its key stands for', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway, { headers: KEY })
  await cancel(gateway, id)
  const again = await submit(gateway, { headers: KEY })
  assert.equal(again.id, id)
  assert.equal(again.status, 'canceled')
})

test('a key lives as long as what it stands for can be read; then it makes a new prediction and webhook', async (t) => {
  const env = { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', RESULT_TTL: '0.3s' }
  const gateway = await openTestGateway(t, env)
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  await startFakeWorker(t, gateway)
  const fields = { webhook: receiver.url }
  const first = await submit(gateway, { headers: KEY, fields })
  await waitUntil('it is delivered', () => receiver.received.length === 1)
  await waitUntil('it is too old to be read', async () => {
    const answer = await fetch(`${gateway.url}/v1/predictions/${first.id}`)
    await answer.arrayBuffer()
    return answer.status === 404
  })
  assert.ok((await gateway.queue.getJob(first.id)) !== undefined, 'its record is still there')
  // Several at once, who all find what is left of the first.
  const again = await Promise.all([1, 2, 3].map(() => submit(gateway, { headers: KEY, fields })))
  assert.equal(new Set(again.map(({ created_at }) => created_at)).size, 1)
  await waitUntil('the second is delivered', () => receiver.received.length === 2)
  assert.notEqual(receiver.received[1]?.id, receiver.received[0]?.id)
})

test('POST / takes a key as well', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const answers = [1, 2].map(() => postForm(gateway, { path: '/', headers: KEY }))
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200)
  assert.equal(await gateway.queue.getCompletedCount(), 1)
})

test('a key that is no header text, or a time that is none, is refused by name', async (t) => {
  const gateway = await openTestGateway(t)
  for (const headers of [
    { 'idempotency-key': 'x'.repeat(256) },
    { 'idempotency-key': 'ä' },
    { 'cancel-after': 'soon' },
    { 'cancel-after': '0s' },
  ]) {
    const { detail } = await expectProblem(await postForm(gateway, { headers }), 'request_invalid')
    assert.match(detail, new RegExp(Object.keys(headers)[0] ?? '', 'i'))
  }
})

test('Cancel-After bounds the wait for a worker, and no more than MAX_QUEUE_AGE does', async (t) => {
  const gateway = await openTestGateway(t, { MAX_QUEUE_AGE: '1m' })
  const deadlineOf = async (headers: Record<string, string>): Promise<number> => {
    const { id, created_at } = await submit(gateway, { headers })
    const data = (await gateway.queue.getJob(id))?.data as { deadline: number }
    return Math.round((data.deadline - Date.parse(created_at)) / 1000)
  }
  assert.equal(await deadlineOf({}), 60)
  assert.equal(await deadlineOf({ 'cancel-after': '30s' }), 30)
  assert.equal(await deadlineOf({ 'cancel-after': '1h' }), 60)
})
