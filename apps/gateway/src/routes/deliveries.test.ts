import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { listDeliveries, redeliver, waitForDelivery } from '../testing/deliveries.ts'
import { createGate, startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { expectProblem, getPrediction, PICTURE, postBody, postForm, submit } from '../testing/requests.ts'
import { sweepNow } from '../testing/sweep-now.ts'

const ENV = { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', WEBHOOK_RETRY_DELAYS: '0.05s', CACHE_TTL: '0' }

const startReceiver = async (t: TestContext, answer: (attempt: number) => number = () => 200) => {
  const receiver = await startWebhookReceiver({ answer })
  atEnd(t, 'receiver', () => receiver.stop())
  return receiver
}

test('the history shows every attempt, and outlives the gateway', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  await startFakeWorker(t, gateway)
  const receiver = await startReceiver(t, (attempt) => (attempt === 1 ? 500 : 200))
  const { id } = await submit(gateway, { fields: { webhook: receiver.url } })
  const delivery = await waitForDelivery(gateway, id, ({ status }) => status === 'delivered')
  const { attempts, ...rest } = delivery
  assert.deepEqual(rest, {
    n: 1,
    webhook_id: `wh-${id}`,
    event: 'prediction.completed',
    status: 'delivered',
    next_attempt_at: null,
  })
  assert.deepEqual(
    attempts.map(({ http_status, error }) => [http_status, error]),
    [
      [500, null],
      [200, null],
    ],
  )
  assert.ok(attempts.every(({ at, duration_ms }) => !Number.isNaN(Date.parse(at)) && duration_ms >= 0))
  await gateway.close()
  const next = await openTestGateway(t, gateway.env)
  assert.deepEqual(await listDeliveries(next, id), [delivery])
})

test('a webhook can be sent again, delivered or not: the same bytes under the same id, newly signed', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  await startFakeWorker(t, gateway)
  // Delivered at once, then asked for again, when both attempts fail, then asked for once more.
  const statuses = [200, 500, 500, 200]
  const receiver = await startReceiver(t, (attempt) => statuses[attempt - 1] ?? 500)
  const { id } = await submit(gateway, { fields: { webhook: receiver.url } })
  await waitForDelivery(gateway, id, ({ status }) => status === 'delivered')

  const answer = await redeliver(gateway, id, 1)
  assert.equal(answer.status, 202)
  assert.equal(((await answer.json()) as { n: number }).n, 1)
  await waitForDelivery(gateway, id, ({ status }) => status === 'failed')

  assert.equal((await redeliver(gateway, id, 1)).status, 202)
  const { attempts } = await waitForDelivery(gateway, id, ({ status }) => status === 'delivered')
  assert.deepEqual(
    attempts.map(({ http_status }) => http_status),
    statuses,
  )
  assert.equal(receiver.received.length, statuses.length)
  assert.equal(new Set(receiver.received.map(({ body }) => body)).size, 1)
  assert.equal(new Set(receiver.received.map(({ id: webhookId }) => webhookId)).size, 1)
  assert.ok(receiver.received.every(({ isSignatureValid }) => isSignatureValid))
})

test('to ask for it many times at once sends it at least once and breaks nothing', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  await startFakeWorker(t, gateway)
  const receiver = await startReceiver(t)
  const { id } = await submit(gateway, { fields: { webhook: receiver.url } })
  await waitForDelivery(gateway, id, ({ status }) => status === 'delivered')
  const answers = await Promise.all(Array.from({ length: 10 }, () => redeliver(gateway, id, 1)))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]))
  await waitUntil('it came again', () => receiver.received.length > 1)
  await waitForDelivery(gateway, id, ({ status }) => status === 'delivered')
})

test('nothing can be sent before the prediction has ended, nor what nobody asked for', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const receiver = await startReceiver(t)
  const { id } = await submit(gateway, { fields: { webhook: receiver.url } })
  await expectProblem(await redeliver(gateway, id, 1), 'delivery_not_due')
  await expectProblem(await redeliver(gateway, id, 2), 'delivery_not_found')
  const [pending] = await listDeliveries(gateway, id)
  assert.equal(pending?.status, 'pending')
  assert.deepEqual(pending.attempts, [])
  gate.open()
  await waitForDelivery(gateway, id, ({ status }) => status === 'delivered')
  assert.equal(receiver.received.length, 1)
})

test('a prediction without a webhook has no deliveries, and one that is not there has no list', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  await startFakeWorker(t, gateway)
  const { id } = await submit(gateway)
  assert.deepEqual(await listDeliveries(gateway, id), [])
  for (const unknown of ['00000000-0000-4000-8000-000000000000', 'nonsense']) {
    const list = await fetch(`${gateway.url}/v1/predictions/${unknown}/deliveries`)
    await expectProblem(list, 'prediction_not_found')
    await expectProblem(await redeliver(gateway, unknown, 1), 'prediction_not_found')
  }
  await expectProblem(await redeliver(gateway, id, 0), 'request_invalid')
})

for (const [filter, expected] of [
  ['start', ['prediction.started']],
  ['completed', ['prediction.completed']],
  ['completed,start', ['prediction.started', 'prediction.completed']],
] as const) {
  test(`with webhook_events_filter=${filter} that is told, and no more`, async (t) => {
    const gateway = await openTestGateway(t, ENV)
    await startFakeWorker(t, gateway)
    const receiver = await startReceiver(t)
    const fields = { webhook: receiver.url, webhook_events_filter: filter, metadata: '{"order":"A-17"}' }
    const { id } = await submit(gateway, { fields })
    await getPrediction(gateway, id, '?wait=60')
    await waitUntil('all are delivered', async () => {
      const deliveries = await listDeliveries(gateway, id)
      return deliveries.length === expected.length && deliveries.every(({ status }) => status === 'delivered')
    })
    const deliveries = await listDeliveries(gateway, id)
    assert.deepEqual(
      deliveries.map(({ n, event }) => [n, event]),
      expected.map((event, i) => [i + 1, event]),
    )
    assert.deepEqual(new Set(receiver.received.map(({ event }) => event.type)), new Set<string>(expected))
    assert.equal(receiver.received.length, expected.length)
    for (const { event, isSignatureValid, id: webhookId } of receiver.received) {
      assert.ok(isSignatureValid)
      assert.equal(event.data['id'], id)
      assert.deepEqual(event.data['metadata'], { order: 'A-17' })
      const isStart = event.type === 'prediction.started'
      assert.equal(event.data['status'], isStart ? 'processing' : 'succeeded')
      assert.equal(webhookId, isStart ? `wh-start-${id}` : `wh-${id}`)
      assert.equal(typeof event.data['started_at'], 'string')
      if (isStart) assert.equal(event.data['output'], null)
    }
  })
}

test('in JSON the filter is a list', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  await startFakeWorker(t, gateway)
  const receiver = await startReceiver(t)
  const ask = (webhook_events_filter: unknown): Promise<Response> => {
    const image = `data:image/jpeg;base64,${PICTURE.toString('base64')}`
    const body = JSON.stringify({ input: { image }, webhook: receiver.url, webhook_events_filter })
    return postBody(gateway, '/v1/predictions', 'application/json', body)
  }
  assert.equal((await ask(['completed', 'start'])).status, 202)
  await waitUntil('both are delivered', () => receiver.received.length === 2)
  for (const filter of [[], ['end'], 1]) await expectProblem(await ask(filter), 'request_invalid')
})

test('a filter that names nothing, or has no webhook, is refused', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  const webhook = 'http://example.com/'
  for (const fields of [
    { webhook, webhook_events_filter: 'end' },
    { webhook, webhook_events_filter: '' },
    { webhook, webhook_events_filter: 'start,' },
    { webhook_events_filter: 'start' },
  ] as Array<Record<string, string>>) {
    await expectProblem(await postForm(gateway, { fields }), 'request_invalid')
  }
})

const findTraces = (gateway: TestGateway, id: string): Promise<string[]> =>
  gateway.redis.keys(`${gateway.prefix}:*${id}*`)

for (const [how, headers] of [
  ['whose id was made at random', {}],
  ['whose id was made from a key', { 'idempotency-key': 'a key' }],
] as const) {
  test(`of a prediction ${how} the webhooks are there after its record, and go with DELETE`, async (t) => {
    const gateway = await openTestGateway(t, ENV)
    await startFakeWorker(t, gateway)
    const receiver = await startReceiver(t)
    const fields = { webhook: receiver.url, webhook_events_filter: 'start,completed' }
    const { id } = await submit(gateway, { fields, headers })
    await waitForDelivery(gateway, id, ({ n, status }) => n === 2 && status === 'delivered')
    await waitForDelivery(gateway, id, ({ n, status }) => n === 1 && status === 'delivered')
    const before = await listDeliveries(gateway, id)
    await gateway.redis.del(gateway.queue.toKey(id))
    assert.deepEqual(await listDeliveries(gateway, id), before)

    const remove = () => fetch(`${gateway.url}/v1/predictions/${id}`, { method: 'DELETE' })
    assert.equal((await remove()).status, 204)
    await sweepNow(gateway.env)
    assert.deepEqual(await gateway.redis.keys(`${gateway.prefix}:webhooks:wh-*`), [])
    assert.deepEqual(await findTraces(gateway, id), [])
    await expectProblem(await remove(), 'prediction_not_found')
    const list = await fetch(`${gateway.url}/v1/predictions/${id}/deliveries`)
    await expectProblem(list, 'prediction_not_found')
  })
}

test('DELETE takes both webhooks along', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  await startFakeWorker(t, gateway)
  const receiver = await startReceiver(t, () => 500)
  const fields = { webhook: receiver.url, webhook_events_filter: 'start,completed' }
  const { id } = await submit(gateway, { fields })
  await waitForDelivery(gateway, id, ({ n, status }) => n === 2 && status === 'failed')
  await waitForDelivery(gateway, id, ({ n, status }) => n === 1 && status === 'failed')
  const answer = await fetch(`${gateway.url}/v1/predictions/${id}`, { method: 'DELETE' })
  assert.equal(answer.status, 204)
  await sweepNow(gateway.env)
  assert.deepEqual(await findTraces(gateway, id), [])
})
