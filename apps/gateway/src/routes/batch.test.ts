import { waitUntil } from '@menagerie/harness/processes'
import { createKeys } from '@menagerie/shared/keys'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  cancelBatch,
  getBatch,
  getResults,
  makeFiles,
  postBatch,
  readBatch,
  submitBatch,
} from '../testing/batches.ts'
import { createGate, startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway } from '../testing/open-test-gateway.ts'
import { cancel, expectProblem, getPrediction } from '../testing/requests.ts'
import { sweepNow } from '../testing/sweep-now.ts'

test('counts add up to the total, and a page shows a part', async (t) => {
  const gateway = await openTestGateway(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, { answer: gate.answer })
  const { id, items } = await submitBatch(gateway, makeFiles(5))
  await cancel(gateway, items[4]?.prediction_id ?? '')
  await waitUntil('one runs', async () => (await getBatch(gateway, id)).counts.processing === 1)
  const batch = await getBatch(gateway, id, '?offset=1&limit=2')
  assert.equal(batch.status, 'processing')
  assert.deepEqual(batch.counts, {
    queued: 3,
    processing: 1,
    succeeded: 0,
    failed: 0,
    canceled: 1,
    expired: 0,
    gone: 0,
  })
  assert.deepEqual(
    batch.items.map(({ index }) => index),
    [1, 2],
  )
  assert.equal(batch.has_more, true)
  assert.equal(batch.completed_at, null)
  assert.equal(batch.expires_at, null)
  gate.open()
  await getResults(gateway, id)
  // One item was canceled, the batch was not.
  assert.equal((await getBatch(gateway, id)).status, 'completed')
})

test('cancel ends what has not ended, also what runs, and leaves the rest', async (t) => {
  const gateway = await openTestGateway(t)
  const gate = createGate()
  let answered = 0
  const worker = await startFakeWorker(t, gateway, {
    answer: async (job) => {
      answered += 1
      return answered === 1 ? gateOpen(job) : gate.answer(job)
    },
  })
  const gateOpen = (job: Parameters<typeof gate.answer>[0]) => succeedAtOnce.answer(job)
  const succeedAtOnce = createGate()
  succeedAtOnce.open()
  const { id, items } = await submitBatch(gateway, makeFiles(250))
  await waitUntil('one has ended and one runs', async () => {
    const { counts } = await getBatch(gateway, id)
    return counts.succeeded === 1 && counts.processing === 1
  })
  const answer = await cancelBatch(gateway, id)
  assert.equal(answer.status, 200)
  const batch = await readBatch(answer)
  assert.equal(batch.status, 'canceled')
  assert.equal(batch.counts.succeeded, 1)
  assert.equal(batch.counts.canceled, 249)
  assert.equal((await getPrediction(gateway, items[99]?.prediction_id ?? '')).status, 'canceled')
  // Nothing that was canceled is waited for.
  const statuses = (await getResults(gateway, id)).map(({ status }) => status)
  assert.deepEqual(statuses, ['succeeded', ...Array.from({ length: 249 }, () => 'canceled')])

  const again = await cancelBatch(gateway, id)
  assert.equal(again.status, 200)
  gate.open()
  await waitUntil(
    'all jobs are settled',
    async () => (await gateway.queue.getJobCountByTypes('prioritized', 'active', 'wait')) === 0,
  )
  assert.equal((await getBatch(gateway, id)).status, 'canceled')
  await waitUntil('no picture is left', async () => (await gateway.listUploads()).length === 0)
  await worker.close()
})

test('a batch that has ended cannot be canceled, and stays completed', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const { id } = await submitBatch(gateway, makeFiles(2))
  await getResults(gateway, id)
  await expectProblem(await cancelBatch(gateway, id), 'batch_ended')
  assert.equal((await getBatch(gateway, id)).status, 'completed')
})

test('cancel against cancel, at two gateways: both say canceled', async (t) => {
  const first = await openTestGateway(t)
  const second = await openTestGateway(t, first.env)
  const { id } = await submitBatch(first, makeFiles(120))
  const answers = await Promise.all([cancelBatch(first, id), cancelBatch(second, id)])
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200],
  )
  assert.equal((await getBatch(second, id)).counts.canceled, 120)
})

test('a status that was seen once as terminal stays, however cancel and the last end race', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, { concurrency: 5 })
  for (let round = 0; round < 10; round++) {
    const { id } = await submitBatch(gateway, makeFiles(5 + round))
    const seen: string[] = []
    const watch = async (): Promise<void> => {
      for (let i = 0; i < 30; i++) seen.push((await getBatch(gateway, id)).status)
    }
    await Promise.all([watch(), watch(), cancelBatch(gateway, id)])
    await getResults(gateway, id)
    seen.push((await getBatch(gateway, id)).status)
    const terminal = new Set(seen.filter((status) => status !== 'processing'))
    assert.equal(terminal.size, 1, [...terminal].join(' and then '))
  }
})

test('a batch can be read as long as its results, and the sweep drops it then', async (t) => {
  const gateway = await openTestGateway(t, { RESULT_TTL: '0.2s', SWEEP_INTERVAL: '1h' })
  const { id } = await submitBatch(gateway, makeFiles(2), { headers: { 'cancel-after': '0.01s' } })
  await waitUntil('it is gone', async () => (await fetch(`${gateway.url}/v1/batches/${id}`)).status === 404)
  await expectProblem(await cancelBatch(gateway, id), 'batch_not_found')
  await sweepNow(gateway.env)
  const keys = createKeys(gateway.prefix)
  assert.deepEqual(await gateway.redis.keys(`${keys.batch(id)}*`), [])
  assert.equal(await gateway.redis.zscore(keys.batchIndex, id), null)
})

test('what Redis keeps of a batch expires by itself', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submitBatch(gateway, makeFiles(2))
  const keys = createKeys(gateway.prefix)
  for (const key of [keys.batch(id), keys.batchItems(id)]) assert.ok((await gateway.redis.pttl(key)) > 0)
  assert.equal(await gateway.redis.exists(keys.batchPlan(id)), 0)
})

test('the same key is the same batch, at every gateway; another request with it is refused', async (t) => {
  const first = await openTestGateway(t)
  const second = await openTestGateway(t, first.env)
  const headers = { 'idempotency-key': 'a key' }
  const { id } = await submitBatch(first, makeFiles(3), { headers })
  assert.equal((await submitBatch(second, makeFiles(3), { headers })).id, id)
  assert.equal(await first.queue.count(), 3)
  assert.equal((await first.listUploads()).length, 3)
  await expectProblem(await postBatch(second, makeFiles(4), { headers }), 'idempotency_key_reused')
  await expectProblem(
    await postBatch(second, makeFiles(3), { headers, fields: { top_k: '1' } }),
    'idempotency_key_reused',
  )
  assert.equal(await first.queue.count(), 3)
  assert.equal((await first.listUploads()).length, 3)
})

test('one key many times at once is one batch', async (t) => {
  const first = await openTestGateway(t)
  const second = await openTestGateway(t, first.env)
  const headers = { 'idempotency-key': 'a key' }
  const batches = await Promise.all(
    [first, second, first, second, first].map((gateway) => submitBatch(gateway, makeFiles(20), { headers })),
  )
  assert.equal(new Set(batches.map(({ id }) => id)).size, 1)
  assert.equal(await first.queue.count(), 20)
  assert.equal((await first.listUploads()).length, 20)
  await startFakeWorker(t, first, { concurrency: 5 })
  assert.ok((await getResults(first, batches[0]?.id ?? '')).every(({ status }) => status === 'succeeded'))
})

test('a key whose batch can no longer be read makes a new one', async (t) => {
  const gateway = await openTestGateway(t, { RESULT_TTL: '0.2s' })
  const headers = { 'idempotency-key': 'a key', 'cancel-after': '0.01s' }
  const first = await submitBatch(gateway, makeFiles(1), { headers })
  await waitUntil('it is gone', async () => (await fetch(first.urls.get)).status === 404)
  const second = await submitBatch(gateway, makeFiles(1), { headers })
  assert.equal(second.id, first.id)
  assert.notEqual(second.items[0]?.prediction_id, first.items[0]?.prediction_id)
})
