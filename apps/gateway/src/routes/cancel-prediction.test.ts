/** Canceled is canceled: whatever a worker does with it, whoever asks, and however often. */
import { predictQueueName } from '@menagerie/contract/job'
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { createKeys, jobKey } from '@menagerie/shared/keys'
import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { createGate, failWith, startFakeWorker } from '../testing/fake-worker.ts'
import { MODEL, openTestGateway } from '../testing/open-test-gateway.ts'
import {
  cancel,
  expectProblem,
  getPrediction,
  postForm,
  readPrediction,
  submit,
} from '../testing/requests.ts'

test('one that waits is canceled at once, goes to the front, and its picture goes', async (t) => {
  const gateway = await openTestGateway(t)
  const first = await submit(gateway)
  const second = await submit(gateway)
  const answer = await cancel(gateway, second.id)
  assert.equal(answer.status, 200)
  const canceled = await readPrediction(answer)
  assert.equal(canceled.status, 'canceled')
  assert.equal(canceled.error?.code, 'prediction_canceled')
  assert.ok(canceled.completed_at !== null)
  assert.deepEqual(await getPrediction(gateway, second.id), canceled)
  assert.equal((await getPrediction(gateway, first.id)).queue?.position, 1)
  await waitUntil('its picture is gone', async () => (await gateway.listUploads()).length === 1)

  const taken: string[] = []
  await startFakeWorker(t, gateway, {
    answer: async (job) => {
      taken.push(job.id ?? '')
      return failWith('image_undecodable: x')(job)
    },
  })
  await waitUntil('both are settled', async () => (await gateway.queue.getFailedCount()) === 2)
  assert.deepEqual(taken, [first.id])
  const settled = await getPrediction(gateway, second.id)
  assert.equal(settled.status, 'canceled')
  assert.equal(settled.completed_at, canceled.completed_at)
})

test('one that runs is canceled at once, and its worker told; that it comes to an answer changes nothing', async (t) => {
  const gateway = await openTestGateway(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const told: string[] = []
  const subscriber = new Redis(gateway.redisUrl)
  atEnd(t, 'subscriber', () => subscriber.disconnect())
  subscriber.on('message', (_channel, id) => told.push(id))
  await subscriber.subscribe(createKeys(gateway.prefix).canceled)

  const { id } = await submit(gateway)
  await waitUntil('it runs', async () => (await getPrediction(gateway, id)).status === 'processing')
  const waiting = getPrediction(gateway, id, '?wait=60')
  const canceled = await readPrediction(await cancel(gateway, id))
  assert.equal(canceled.status, 'canceled')
  assert.equal((await waiting).status, 'canceled', 'who waits hears of it')
  await waitUntil('the workers are told', () => told.includes(id))

  gate.open()
  await waitUntil('the run is over', async () => (await gateway.queue.getCompletedCount()) === 1)
  const after = await getPrediction(gateway, id)
  assert.equal(after.status, 'canceled')
  assert.equal(after.output, null)
  assert.equal(after.completed_at, canceled.completed_at)
})

test('a second cancellation is answered like the first', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  const first = await readPrediction(await cancel(gateway, id))
  const again = await cancel(gateway, id)
  assert.equal(again.status, 200)
  assert.equal((await readPrediction(again)).completed_at, first.completed_at)
})

for (const [end, answer] of [
  ['succeeded', undefined],
  ['failed', failWith('image_undecodable: x')],
] as const) {
  test(`what has ${end} stays so`, async (t) => {
    const gateway = await openTestGateway(t)
    await startFakeWorker(t, gateway, answer === undefined ? {} : { answer })
    const { id } = await submit(gateway)
    const ended = await getPrediction(gateway, id, '?wait=60')
    assert.equal(ended.status, end)
    await expectProblem(await cancel(gateway, id), 'prediction_ended')
    assert.deepEqual(await getPrediction(gateway, id), ended)
  })
}

test('what has expired stays so, though no worker has seen it', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway, { headers: { 'cancel-after': '50ms' } })
  const expired = await getPrediction(gateway, id, '?wait=60')
  assert.equal(expired.status, 'expired')
  await expectProblem(await cancel(gateway, id), 'prediction_ended')
  assert.deepEqual(await getPrediction(gateway, id), expired)
})

test('of a cancellation and an end at the same moment one wins, and it stays so', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, { concurrency: 8 })
  const outcomes = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      const { id } = await submit(gateway)
      // Some at once, some when it is about to end, some after that.
      for (let looks = 0; looks < i % 4; looks++) await getPrediction(gateway, id)
      const { status } = await cancel(gateway, id)
      const seen = (await getPrediction(gateway, id)).status
      await waitUntil('it is settled', async () => (await gateway.queue.getJob(id))?.finishedOn !== undefined)
      assert.equal((await getPrediction(gateway, id)).status, seen)
      assert.equal(seen, status === 200 ? 'canceled' : 'succeeded')
      return status
    }),
  )
  assert.ok(outcomes.every((status) => status === 200 || status === 409))
})

test('a gateway that dies right after the mark leaves a prediction that is canceled for good', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  // What the script does, and nothing of what comes after it.
  await gateway.redis.hset(jobKey(gateway.prefix, predictQueueName(MODEL), id), 'canceledAt', Date.now())
  await startFakeWorker(t, gateway)
  await waitUntil('it is settled', async () => (await gateway.queue.getFailedCount()) === 1)
  assert.equal((await getPrediction(gateway, id)).status, 'canceled')
  await waitUntil('its picture is gone', async () => (await gateway.listUploads()).length === 0)
})

test('its webhook says that it was canceled', async (t) => {
  const gateway = await openTestGateway(t, { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1' })
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  const { id } = await submit(gateway, { fields: { webhook: receiver.url } })
  await cancel(gateway, id)
  await startFakeWorker(t, gateway)
  await waitUntil('it is delivered', () => receiver.received.length > 0)
  assert.equal(receiver.received[0]?.event.data['status'], 'canceled')
})

test('POST / says that it was canceled', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = postForm(gateway, { path: '/' })
  await waitUntil('it waits', async () => (await gateway.queue.getPrioritizedCount()) === 1)
  const [job] = await gateway.queue.getJobs(['prioritized'])
  await cancel(gateway, job?.id ?? '')
  await expectProblem(await answer, 'prediction_canceled')
})

test('there is nothing to cancel under another id', async (t) => {
  const gateway = await openTestGateway(t)
  for (const id of [crypto.randomUUID(), 'events', 'x'.repeat(100)]) {
    await expectProblem(await cancel(gateway, id), 'prediction_not_found')
  }
})
