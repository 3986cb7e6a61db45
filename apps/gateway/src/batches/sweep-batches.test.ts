import { waitUntil } from '@menagerie/harness/processes'
import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { createKeys } from '@menagerie/shared/keys'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { cancelBatch, makeFiles, postBatch, submitBatch } from '../testing/batches.ts'
import { openTestGateway } from '../testing/open-test-gateway.ts'
import { expectProblem } from '../testing/requests.ts'
import { sweepNow } from '../testing/sweep-now.ts'

test('a batch that cannot be swept does not keep the next ones from it', async (t) => {
  const gateway = await openTestGateway(t, { SWEEP_INTERVAL: '1h' })
  const keys = createKeys(gateway.prefix)
  const [damaged, gone] = [randomUUID(), randomUUID()]
  await gateway.redis.hset(keys.batch(damaged), 'data', '{}')
  await gateway.redis.zadd(keys.batchIndex, 1, damaged, 2, gone)
  await assert.rejects(sweepNow(gateway.env), AggregateError)
  assert.deepEqual(await gateway.redis.zrange(keys.batchIndex, '0', '-1'), [damaged])
})

test('a batch is kept until its webhook is out, though its time is over and its key comes again', async (t) => {
  const gateway = await openTestGateway(t, {
    WEBHOOK_SECRET,
    WEBHOOK_ALLOW_PRIVATE: '1',
    RESULT_TTL: '0.1s',
    SWEEP_INTERVAL: '1h',
  })
  const options = {
    fields: { webhook: 'http://127.0.0.1:9/' },
    headers: { 'idempotency-key': 'a key' },
  }
  const { id } = await submitBatch(gateway, makeFiles(2), options)
  await cancelBatch(gateway, id)
  const hash = createKeys(gateway.prefix).batch(id)
  const field = 'notifiedAt'
  await waitUntil('its webhook is out', async () => (await gateway.redis.hexists(hash, field)) === 1)
  const url = `${gateway.url}/v1/batches/${id}`
  await waitUntil('its time is over', async () => (await fetch(url)).status === 404)

  // As gateways leave it that were stopped before they came to that.
  await gateway.redis.hdel(hash, field)
  await expectProblem(await postBatch(gateway, makeFiles(2), options), 'idempotency_key_in_use')
  assert.equal(await gateway.redis.exists(hash), 1)
  await gateway.redis.hset(hash, field, Date.now())
  assert.equal((await submitBatch(gateway, makeFiles(2), options)).counts.queued, 2)
})
