/** What was deleted is gone: for everybody at once, and from Redis as soon as nothing holds it any more. */
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { ANONYMOUS_ID } from '@menagerie/contract/job'
import { createKeys } from '@menagerie/shared/keys'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { createGate, DIGEST, failWith, fingerprintOf, startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { expectProblem, getPrediction, postForm, submit } from '../testing/requests.ts'
import { sweepNow } from '../testing/sweep-now.ts'

const remove = (gateway: TestGateway, id: string) =>
  fetch(`${gateway.url}/v1/predictions/${id}`, { method: 'DELETE' })

/** Every key whose name or content mentions the prediction. */
const findTraces = async (gateway: TestGateway, id: string): Promise<string[]> => {
  const traces: string[] = []
  for (const key of await gateway.redis.keys(`${gateway.prefix}:*`)) {
    // What has expired meanwhile has none.
    const dump = (await gateway.redis.dumpBuffer(key)) as Buffer | null
    if (key.includes(id) || (dump ?? '').includes(id)) traces.push(key)
  }
  return traces
}

const WEBHOOKS = { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', WEBHOOK_RETRY_DELAYS: '1h' }

const expectGone = async (gateway: TestGateway, id: string): Promise<void> => {
  await expectProblem(await fetch(`${gateway.url}/v1/predictions/${id}`), 'prediction_not_found')
  await expectProblem(await remove(gateway, id), 'prediction_not_found')
  assert.deepEqual(await findTraces(gateway, id), [])
  assert.deepEqual(await gateway.listUploads(), [])
}

test('one that waits', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  assert.equal((await remove(gateway, id)).status, 204)
  await expectGone(gateway, id)
  assert.equal(await gateway.queue.count(), 0)
})

test('one that waits, with its webhook, which is never sent', async (t) => {
  const gateway = await openTestGateway(t, WEBHOOKS)
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  const { id } = await submit(gateway, { fields: { webhook: receiver.url } })
  const other = await submit(gateway, { fields: { webhook: receiver.url } })
  assert.equal((await remove(gateway, id)).status, 204)
  await startFakeWorker(t, gateway)
  await waitUntil('the other is delivered', () => receiver.received.length > 0)
  await getPrediction(gateway, other.id, '?wait=60')
  assert.deepEqual(await findTraces(gateway, id), [])
  assert.deepEqual(
    receiver.received.map(({ id: webhookId }) => webhookId),
    [`wh-${other.id}`],
  )
})

test('one that has ended, with the answer that was remembered for its bytes', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const { id } = await submit(gateway)
  const { input } = await getPrediction(gateway, id, '?wait=60')
  const answerKey = createKeys(gateway.prefix).result(ANONYMOUS_ID, fingerprintOf(DIGEST), input.sha256)
  await gateway.redis.set(answerKey, '{}')
  assert.equal((await remove(gateway, id)).status, 204)
  await expectGone(gateway, id)
  assert.equal(await gateway.redis.exists(answerKey), 0)
})

test('one that has failed, with the picture that was kept', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, { answer: failWith('inference_failed: x') })
  const { id } = await submit(gateway)
  await getPrediction(gateway, id, '?wait=60')
  assert.equal((await gateway.listUploads()).length, 1)
  assert.equal((await remove(gateway, id)).status, 204)
  await expectGone(gateway, id)
})

test('one whose webhook could not be delivered yet', async (t) => {
  const gateway = await openTestGateway(t, WEBHOOKS)
  const receiver = await startWebhookReceiver({ answer: () => 500 })
  atEnd(t, 'receiver', () => receiver.stop())
  await startFakeWorker(t, gateway)
  const { id } = await submit(gateway, { fields: { webhook: receiver.url } })
  await waitUntil('it was tried', () => receiver.received.length > 0)
  await waitUntil('it waits to be tried again', async () => {
    assert.equal(receiver.received.length, 1)
    return (await gateway.redis.zcard(`${gateway.prefix}:webhooks:delayed`)) === 1
  })
  assert.equal((await remove(gateway, id)).status, 204)
  await expectGone(gateway, id)
})

test('one that runs is hidden at once, and gone after the next sweep', async (t) => {
  const gateway = await openTestGateway(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const { id } = await submit(gateway)
  await waitUntil('it runs', async () => (await getPrediction(gateway, id)).status === 'processing')
  const waiting = fetch(`${gateway.url}/v1/predictions/${id}?wait=60`)
  assert.equal((await remove(gateway, id)).status, 204)
  await expectProblem(await waiting, 'prediction_not_found')
  assert.equal((await sweepNow(gateway.env)).deletions, 1, 'a worker still has it')
  gate.open()
  await waitUntil('the run is over', async () => (await gateway.queue.getCompletedCount()) === 1)
  assert.equal((await sweepNow(gateway.env)).deletions, 0)
  await expectGone(gateway, id)
})

test('the key of a deleted prediction can be used again', async (t) => {
  const gateway = await openTestGateway(t)
  const headers = { 'idempotency-key': 'once more' }
  const { id } = await submit(gateway, { headers })
  assert.equal((await remove(gateway, id)).status, 204)
  const again = await submit(gateway, { headers })
  assert.equal(again.id, id)
  assert.equal((await gateway.listUploads()).length, 1)
})

test('the key of one that is being deleted and still runs is refused; then it makes another, which no sweep takes', async (t) => {
  const gateway = await openTestGateway(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const headers = { 'idempotency-key': 'too soon' }
  const { id } = await submit(gateway, { headers })
  await waitUntil('it runs', async () => (await getPrediction(gateway, id)).status === 'processing')
  await remove(gateway, id)
  await expectProblem(await postForm(gateway, { headers }), 'idempotency_key_in_use')
  gate.open()
  await waitUntil('the run is over', async () => (await gateway.queue.getCompletedCount()) === 1)
  const again = await submit(gateway, { headers })
  assert.equal((await getPrediction(gateway, again.id, '?wait=60')).status, 'succeeded')
  // The deletion of the first is still on the list.
  await sweepNow(gateway.env)
  assert.equal((await getPrediction(gateway, again.id)).status, 'succeeded')
})

test('there is nothing to delete under another id', async (t) => {
  const gateway = await openTestGateway(t)
  for (const id of [crypto.randomUUID(), 'meta']) {
    await expectProblem(await remove(gateway, id), 'prediction_not_found')
  }
})
