/** A Redis without room refuses new work and loses none: the queue says so, with 503 and `queue_full`. */
import type { PredictJobData } from '@menagerie/contract/job'
import { createKeys } from '@menagerie/shared/keys'
import { waitUntil } from '@menagerie/harness/processes'
import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { pino } from 'pino'
import { createFairOrder } from './fair-order.ts'
import { createJobQueue } from './job-queue.ts'
import { atEnd } from './testing/at-end.ts'
import { startFakeWorker } from './testing/fake-worker.ts'
import { openTestGateway } from './testing/open-test-gateway.ts'
import { startPrivateRedis } from './testing/private-redis.ts'
import { expectProblem, getPrediction, postForm, submit } from './testing/requests.ts'

test('new work is refused while Redis is full, what is there can be read, and then it goes on', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url, WEBHOOK_SECRET })
  const { id } = await submit(gateway)
  const stored = await gateway.listUploads()

  await gateway.redis.config('SET', 'maxmemory', '1mb')
  const answers = await Promise.all([
    postForm(gateway, { path: '/' }),
    postForm(gateway),
    postForm(gateway, { fields: { webhook: 'https://example.com/hook' } }),
    fetch(`${gateway.url}/readyz`),
  ])
  for (const answer of answers) await expectProblem(answer, 'queue_full')
  assert.deepEqual(await gateway.listUploads(), stored)
  assert.equal(await gateway.queue.count(), 1)
  assert.equal((await getPrediction(gateway, id)).status, 'queued')

  await gateway.redis.config('SET', 'maxmemory', '0')
  assert.equal((await fetch(`${gateway.url}/readyz`)).status, 200)
  await waitUntil('there is room again', async () => (await postForm(gateway)).status === 202)
  await submit(gateway, { fields: { webhook: 'https://example.com/hook' } })
})

test('some room is left to the workers, who cannot take jobs without any', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url })
  await submit(gateway)
  await gateway.redis.set('filler', Buffer.alloc(50e6))
  await waitUntil('it is refused', async () => {
    // Each time: what Redis needed to read the filler it gives back only after a while.
    const used = Number(/used_memory:(\d+)/.exec(await gateway.redis.info('memory'))?.[1])
    await gateway.redis.config('SET', 'maxmemory', Math.round(used * 1.08))
    return (await postForm(gateway)).status === 503
  })
  await expectProblem(await postForm(gateway), 'queue_full')
  await startFakeWorker(t, gateway)
  await waitUntil('all is settled', async () => (await gateway.queue.getPrioritizedCount()) === 0)
})

test('a prediction with a webhook that a full Redis refuses is taken when there is room again', async (t) => {
  const server = await startPrivateRedis(t)
  const redis = new Redis(server.url, { enableOfflineQueue: false })
  await once(redis, 'ready')
  const log = pino({ level: 'silent' })
  const fairOrder = createFairOrder(
    { redis, keys: createKeys('test'), weightOf: () => 1, log },
    { prefix: 'test', queueAgeMaxMs: 60_000 },
  )
  const queue = createJobQueue(
    { redis, fairOrder, log },
    { prefix: 'test', resultTtlMs: 60_000, deadLetterTtlMs: 60_000 },
  )
  atEnd(t, 'queue', async () => {
    await queue.close()
    redis.disconnect()
  })
  const prediction: PredictJobData = {
    v: 1,
    model: 'a-model',
    top_k: 1,
    upload: { id: null, bytes: 1, sha256: '', content_type: 'image/jpeg', filename: null },
    metadata: {},
    deadline: Date.now() + 60_000,
  }
  const add = (id: string): Promise<void> => {
    const url = 'https://example.com/hook'
    const webhook = { v: 1, url, prediction_id: id, model: 'a-model', base_url: '', prediction } as const
    return queue.add(id, prediction, webhook)
  }
  await redis.config('SET', 'maxmemory', '1mb')
  await assert.rejects(add('first'), { code: 'queue_full' })
  await redis.config('SET', 'maxmemory', '0')
  // Brings the script for predictions along, but not the one for webhooks.
  await queue.add('alone', prediction, null)
  await add('second')
  assert.equal(await redis.exists('test:webhooks:wh-second'), 1)
  assert.equal(await redis.exists('test:webhooks:wh-first'), 0)
})
