import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { cancelBatch, getBatch, getResults, makeFiles, submitBatch } from '../testing/batches.ts'
import { createGate, startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway } from '../testing/open-test-gateway.ts'
import { sweepNow } from '../testing/sweep-now.ts'

const ENV = { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', WEBHOOK_RETRY_DELAYS: '0.1s,0.1s,0.1s' }

const openWithReceiver = async (
  t: TestContext,
  options: Parameters<typeof startWebhookReceiver>[0] = {},
  env: Record<string, string> = {},
) => {
  const receiver = await startWebhookReceiver(options)
  atEnd(t, 'receiver', () => receiver.stop())
  const gateway = await openTestGateway(t, { ...ENV, ...env })
  const fields = { webhook: receiver.url }
  const waitForWebhook = async () => {
    await waitUntil('the webhook is there', () => receiver.received.length > 0)
    return receiver.received[0]
  }
  return { receiver, gateway, fields, waitForWebhook }
}

test('one webhook tells of the whole batch, signed, when its last item has ended', async (t) => {
  const { receiver, gateway, fields, waitForWebhook } = await openWithReceiver(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, { answer: gate.answer, concurrency: 2 })
  const metadata = JSON.stringify({ long: 'x'.repeat(4000) })
  const files = [
    ...makeFiles(120),
    ['bad.jpg', Buffer.from('no picture, only a text that is long enough')] as const,
  ]
  const { id } = await submitBatch(gateway, files, { fields: { ...fields, metadata } })
  await waitUntil('two run', async () => (await getBatch(gateway, id)).counts.processing === 2)
  assert.deepEqual(receiver.received, [])
  gate.open()
  const webhook = await waitForWebhook()
  assert.equal(webhook?.isSignatureValid, true)
  assert.equal(webhook?.event.type, 'batch.completed')
  const { items: _items, has_more: _hasMore, ...summary } = await getBatch(gateway, id)
  assert.deepEqual(webhook?.event.data, summary)
  assert.equal(summary.status, 'completed')
  assert.deepEqual([summary.counts.succeeded, summary.counts.failed], [120, 1])
  assert.ok(Buffer.byteLength(webhook?.body ?? '') < 20_000)
  // Nothing else came: the items have no webhook of their own.
  await waitUntil('nobody waits any more', async () => (await gateway.queue.count()) === 0)
  assert.equal(receiver.received.length, 1)
})

test('the webhook of a batch that was canceled needs no worker', async (t) => {
  const { gateway, fields, waitForWebhook } = await openWithReceiver(t)
  const { id } = await submitBatch(gateway, makeFiles(3), { fields })
  assert.equal((await cancelBatch(gateway, id)).status, 200)
  const webhook = await waitForWebhook()
  assert.equal(webhook?.event.data['status'], 'canceled')
})

test('a receiver that fails is tried again, with the same id and bytes', async (t) => {
  const { receiver, gateway, fields } = await openWithReceiver(t, {
    answer: (attempt) => (attempt < 3 ? 500 : 200),
  })
  await startFakeWorker(t, gateway)
  await submitBatch(gateway, makeFiles(2), { fields })
  await waitUntil('three attempts were made', () => receiver.received.length === 3)
  assert.equal(new Set(receiver.received.map(({ id, body }) => `${id} ${body}`)).size, 1)
})

test('the webhook comes although the gateway that accepted the batch is gone', async (t) => {
  const { gateway, fields, waitForWebhook } = await openWithReceiver(t)
  const other = await openTestGateway(t, gateway.env)
  const { id } = await submitBatch(gateway, makeFiles(2), { fields })
  await gateway.close()
  await startFakeWorker(t, other)
  const webhook = await waitForWebhook()
  assert.equal(webhook?.event.data['id'], id)
})

test('a webhook that nobody could send in time still says what is known, and the batch is kept for it', async (t) => {
  const { receiver, gateway, fields } = await openWithReceiver(
    t,
    {},
    { RESULT_TTL: '0.1s', SWEEP_INTERVAL: '1h' },
  )
  const { id } = await submitBatch(gateway, makeFiles(2), { fields, headers: { 'cancel-after': '0.01s' } })
  await gateway.close()
  const url = (other: { url: string }) => `${other.url}/v1/batches/${id}`
  // Without a gateway that could watch it.
  await sweepNow(gateway.env)
  const other = await openTestGateway(t, gateway.env)
  await waitUntil('the webhook is there', () => receiver.received.length > 0)
  assert.equal(receiver.received[0]?.event.data['id'], id)
  await waitUntil('the batch is gone', async () => (await fetch(url(other))).status === 404)
})

test('a key that is repeated tells once', async (t) => {
  const { receiver, gateway, fields, waitForWebhook } = await openWithReceiver(t)
  const options = { fields, headers: { 'idempotency-key': 'a key' } }
  const [{ id }] = await Promise.all([
    submitBatch(gateway, makeFiles(2), options),
    submitBatch(gateway, makeFiles(2), options),
  ])
  await startFakeWorker(t, gateway)
  await getResults(gateway, id)
  await waitForWebhook()
  await submitBatch(gateway, makeFiles(2), options)
  assert.equal(new Set(receiver.received.map((webhook) => webhook.id)).size, 1)
})
