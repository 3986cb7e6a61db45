/** Whatever becomes of a prediction, whoever asked for a webhook hears of it. */
import { PAYLOAD_VERSION, WEBHOOK_JOB_NAME } from '@menagerie/contract/job'
import type { Prediction } from '@menagerie/contract/prediction'
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { Queue } from 'bullmq'
import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test, type TestContext } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { createGate, failWith, startFakeWorker, succeed } from '../testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import {
  cancel,
  expectNothingStored,
  expectProblem,
  getPrediction,
  postForm,
  submit,
} from '../testing/requests.ts'

const ENV = { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', WEBHOOK_RETRY_DELAYS: '0.05s,0.1s' }

const startReceiver = async (t: TestContext, answer: (attempt: number) => number = () => 200) => {
  const receiver = await startWebhookReceiver({ answer })
  atEnd(t, 'receiver', () => receiver.stop())
  return receiver
}

const findWebhookJob = async (gateway: TestGateway, predictionId: string) => {
  const queue = new Queue('webhooks', { connection: gateway.redis, prefix: gateway.prefix })
  return queue.getJob(`wh-${predictionId}`)
}

test('a prediction that succeeds is delivered as its poll shows it, signed', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  const receiver = await startReceiver(t)
  await startFakeWorker(t, gateway)
  const { id } = await submit(gateway, { fields: { webhook: receiver.url, metadata: '{"order":"A-17"}' } })
  await waitUntil('it is delivered', () => receiver.received.length > 0)
  const [webhook] = receiver.received
  assert.equal(webhook?.isSignatureValid, true)
  assert.equal(webhook.id, `wh-${id}`)
  assert.equal(webhook.event.type, 'prediction.completed')
  assert.ok(!Number.isNaN(Date.parse(webhook.event.timestamp)))
  assert.deepEqual(webhook.event.data, await getPrediction(gateway, id))
  assert.equal(webhook.event.data['status'], 'succeeded')
})

test('a prediction that fails is delivered too', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  const receiver = await startReceiver(t)
  await startFakeWorker(t, gateway, { answer: failWith('image_undecodable: it ends early') })
  await submit(gateway, { fields: { webhook: receiver.url } })
  await waitUntil('it is delivered', () => receiver.received.length > 0)
  const data = receiver.received[0]?.event.data
  assert.equal(data?.['status'], 'failed')
  assert.deepEqual(data['error'], { code: 'image_undecodable', message: 'it ends early' })
})

test('nothing is delivered before the prediction has ended', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  const receiver = await startReceiver(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const { id } = await submit(gateway, { fields: { webhook: receiver.url } })
  await waitUntil('it runs', async () => (await getPrediction(gateway, id)).status === 'processing')
  assert.equal(receiver.received.length, 0)
  gate.open()
  await waitUntil('it is delivered', () => receiver.received.length === 1)
})

test('a receiver that fails gets the same bytes under the same id again', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  const receiver = await startReceiver(t, (attempt) => (attempt < 3 ? 500 : 200))
  await startFakeWorker(t, gateway)
  const { id } = await submit(gateway, { fields: { webhook: receiver.url } })
  await waitUntil(
    'it is delivered',
    async () => (await (await findWebhookJob(gateway, id))?.getState()) === 'completed',
  )
  assert.equal(receiver.received.length, 3)
  assert.equal(new Set(receiver.received.map(({ id }) => id)).size, 1)
  assert.equal(new Set(receiver.received.map(({ body }) => body)).size, 1)
  assert.ok(receiver.received.every(({ isSignatureValid }) => isSignatureValid))
})

test('after the last delay it is given up, and the log says so', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  const receiver = await startReceiver(t, () => 500)
  await startFakeWorker(t, gateway)
  const { id } = await submit(gateway, { fields: { webhook: receiver.url } })
  await waitUntil('it is given up', () => gateway.logText().includes('webhook given up'))
  assert.equal(receiver.received.length, 3)
  const job = await findWebhookJob(gateway, id)
  assert.equal(await job?.getState(), 'failed')
  assert.match(job?.failedReason ?? '', /answered 500/)
})

test('what was not delivered when the gateway stopped is delivered by the next one', async (t) => {
  const first = await openTestGateway(t, { ...ENV, WEBHOOK_RETRY_DELAYS: '1s,1s,1s' })
  const receiver = await startReceiver(t, (attempt) => (attempt === 1 ? 503 : 200))
  await startFakeWorker(t, first)
  await submit(first, { fields: { webhook: receiver.url } })
  await waitUntil('it was tried', () => receiver.received.length === 1)
  await first.close()
  await openTestGateway(t, { ...ENV, REDIS_PREFIX: first.prefix })
  await waitUntil('it is delivered', () => receiver.received.length === 2)
  assert.equal(receiver.received[0]?.body, receiver.received[1]?.body)
})

test('a private address is refused at once, and by name when it is delivered', async (t) => {
  const gateway = await openTestGateway(t, { WEBHOOK_SECRET, WEBHOOK_RETRY_DELAYS: '0.05s' })
  const receiver = await startReceiver(t)
  for (const webhook of [
    receiver.url,
    'https://127.0.0.1',
    'https://example.com:6379',
    'not a URL',
    'https://user:pw@example.com',
  ]) {
    await expectProblem(await postForm(gateway, { fields: { webhook } }), 'webhook_refused')
  }
  await expectNothingStored(gateway)
  // The name of this machine tells nothing; only what it resolves to does.
  await startFakeWorker(t, gateway)
  await submit(gateway, { fields: { webhook: `https://${hostname()}/` } })
  await waitUntil('it is given up', () => gateway.logText().includes('webhook given up'))
  assert.equal(receiver.received.length, 0)
})

test('what was canceled while it ran is told as canceled, whatever its worker said and even if its record went', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  const receiver = await startReceiver(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const { id } = await submit(gateway, { fields: { webhook: receiver.url } })
  const key = gateway.queue.toKey(id)
  await waitUntil('it runs', async () => (await getPrediction(gateway, id)).status === 'processing')
  assert.equal((await cancel(gateway, id)).status, 200)
  await gateway.close()

  gate.open()
  await waitUntil('it has ended', async () => (await gateway.redis.hexists(key, 'finishedOn')) === 1)
  await gateway.redis.del(key)
  await openTestGateway(t, { ...ENV, REDIS_PREFIX: gateway.prefix })
  await waitUntil('it is delivered', () => receiver.received.length > 0)
  const data = receiver.received[0]?.event.data as Prediction | undefined
  assert.equal(data?.status, 'canceled')
  assert.equal(data.output, null)
})

for (const [status, answer, code] of [
  ['succeeded', succeed, null],
  ['failed', failWith('inference_failed: the model failed'), 'inference_failed'],
  ['canceled', failWith('prediction_canceled: it was canceled'), 'prediction_canceled'],
  ['expired', failWith('prediction_expired: too late'), 'prediction_expired'],
] as const) {
  test(`a prediction that has ${status} is delivered even if its record went before any gateway came to it`, async (t) => {
    const gateway = await openTestGateway(t, ENV)
    const receiver = await startReceiver(t)
    const { id } = await submit(gateway, { fields: { webhook: receiver.url, metadata: '{"order":"A-17"}' } })
    const key = gateway.queue.toKey(id)
    await gateway.close()

    await startFakeWorker(t, gateway, { answer })
    await waitUntil('it has ended', async () => (await gateway.redis.hexists(key, 'finishedOn')) === 1)
    await gateway.redis.del(key)
    await openTestGateway(t, { ...ENV, REDIS_PREFIX: gateway.prefix })
    await waitUntil('it is delivered', () => receiver.received.length > 0)
    const data = receiver.received[0]?.event.data as Prediction | undefined
    assert.equal(data?.status, status)
    assert.equal(data.id, id)
    assert.equal(data.error?.code ?? null, code)
    assert.equal(data.output?.class_name, status === 'succeeded' ? 'golden_retriever' : undefined)
    assert.deepEqual(data.metadata, { order: 'A-17' })
  })
}

test('a webhook of a newer gateway waits for one that understands it, one that nobody understands fails', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  const queue = new Queue('webhooks', { connection: gateway.redis, prefix: gateway.prefix })
  const [newer, invalid] = await queue.addBulk(
    [PAYLOAD_VERSION + 1, PAYLOAD_VERSION].map((v) => ({
      name: WEBHOOK_JOB_NAME,
      data: { v, to: 'somebody' },
    })),
  )
  await waitUntil('both were looked at', async () => {
    const states = await Promise.all([newer?.getState(), invalid?.getState()])
    return states[0] === 'delayed' && states[1] === 'failed'
  })
  const job = await queue.getJob(newer?.id ?? '')
  assert.equal(job?.attemptsMade, 0)
  assert.deepEqual(job.data, { v: PAYLOAD_VERSION + 1, to: 'somebody' })
})
