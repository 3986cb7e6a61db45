import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeFiles, postBatch, readBatch, submitBatch } from '../testing/batches.ts'
import { openTestGateway } from '../testing/open-test-gateway.ts'
import { expectProblem } from '../testing/requests.ts'
import { as, withTenants } from '../testing/tenants.ts'

test('a batch of another tenant does not exist, whatever is done with it', async (t) => {
  const gateway = await openTestGateway(t, { ...(await withTenants(t, { a: {}, b: {} })), WEBHOOK_SECRET })
  const { id, urls, items } = await submitBatch(gateway, makeFiles(2), { headers: as('a') })
  const headers = as('b')
  for (const url of [urls.get, urls.results])
    await expectProblem(await fetch(url, { headers }), 'batch_not_found')
  await expectProblem(await fetch(urls.cancel, { method: 'POST', headers }), 'batch_not_found')
  const item = `${gateway.url}/v1/predictions/${items[0]?.prediction_id}`
  await expectProblem(await fetch(item, { headers }), 'prediction_not_found')
  await expectProblem(await fetch(urls.get), 'api_key_invalid')

  const mine = await fetch(`${gateway.url}/v1/batches/${id}`, { headers: as('a') })
  assert.equal((await readBatch(mine)).counts.queued, 2)
  assert.equal((await fetch(item, { headers: as('a') })).status, 200)
})

test('the same key of two tenants is two batches', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, { a: {}, b: {} }))
  const key = { 'idempotency-key': 'a key' }
  const first = await submitBatch(gateway, makeFiles(1), { headers: { ...as('a'), ...key } })
  const second = await submitBatch(gateway, makeFiles(2), { headers: { ...as('b'), ...key } })
  assert.notEqual(first.id, second.id)
})

test('each picture counts: a batch over the rate has to be made up for, one over the share is refused as a whole', async (t) => {
  const tenants = { slow: { rate: 5 }, hasty: { rate: 5 }, small: { concurrency: 5 } }
  const gateway = await openTestGateway(t, await withTenants(t, tenants))
  await submitBatch(gateway, makeFiles(6), { headers: as('slow') })
  await expectProblem(await postBatch(gateway, makeFiles(1), { headers: as('slow') }), 'rate_limited')
  await submitBatch(gateway, makeFiles(2), { headers: as('hasty') })
  await expectProblem(await postBatch(gateway, makeFiles(6), { headers: as('hasty') }), 'rate_limited')
  await gateway.queue.drain()
  for (const key of await gateway.listUploads()) await gateway.redis.del(key)
  const problem = await expectProblem(
    await postBatch(gateway, makeFiles(6), { headers: as('small') }),
    'batch_invalid',
  )
  assert.match(problem.detail, /at most 5 predictions/)
  assert.deepEqual(await gateway.listUploads(), [])
  assert.equal(await gateway.queue.count(), 0)
  // What was refused does not count among what has not ended.
  await submitBatch(gateway, makeFiles(5), { headers: as('small') })
  await expectProblem(await postBatch(gateway, makeFiles(1), { headers: as('small') }), 'share_exhausted')
})

test('a batch that comes too fast takes nothing of the rate but for its request, and says when all of it has room', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, { a: { rate: 10 } }))
  const headers = as('a')
  await submitBatch(gateway, makeFiles(8), { headers })
  const refused = await postBatch(gateway, makeFiles(8), { headers })
  // For one more it would be six seconds.
  assert.ok(Number(refused.headers.get('retry-after')) > 6)
  await expectProblem(refused, 'rate_limited')
  await submitBatch(gateway, makeFiles(1), { headers })
})

test('a batch with more bytes than its tenant may have is refused for good, a single picture is not', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, { a: { bytes: 100 } }))
  const headers = as('a')
  const problem = await expectProblem(await postBatch(gateway, makeFiles(2), { headers }), 'batch_invalid')
  assert.match(problem.detail, /at most 100 bytes/)
  await submitBatch(gateway, makeFiles(1), { headers })
})

test('a batch enters the queue of its model as a whole: with room for fewer it is refused', async (t) => {
  const env = { QUEUE_DEPTH_MAX: '5' }
  const refusing = await openTestGateway(t, env)
  await expectProblem(await postBatch(refusing, makeFiles(6)), 'queue_full')
  assert.deepEqual(await refusing.listUploads(), [])
  const gateway = await openTestGateway(t, env)
  await submitBatch(gateway, makeFiles(5))
  await expectProblem(await postBatch(gateway, makeFiles(1)), 'queue_full')
})

test('priority holds for every item', async (t) => {
  const gateway = await openTestGateway(t)
  const { items } = await submitBatch(gateway, makeFiles(3), { fields: { priority: 'low' } })
  for (const { prediction_id } of items) {
    const job = await gateway.queue.getJob(prediction_id ?? '')
    assert.equal(job?.data.priority, 'low')
  }
})
