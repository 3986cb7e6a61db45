import { WebhookJobData, type KnownAnswer } from '@menagerie/contract/job'
import { STARTED_AT_FIELD } from '@menagerie/contract/job-record'
import { startTestRedis } from '@menagerie/harness/redis'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { pino } from 'pino'
import Value from 'typebox/value'
import { createTellStart } from './tell-start.ts'
import { openTestQueue } from './testing/open-test-worker.ts'

const start_webhook = { url: 'https://example.com/hook', base_url: 'http://127.0.0.1' }

const queue = await openTestQueue()
after(() => queue.close())
const worker = await queue.openWorker()
after(() => worker.close())

const findStart = async (name: string): Promise<WebhookJobData | null> => {
  const job = await queue.webhooks.getJob(`wh-start-${name}`)
  const data: unknown = job?.data
  return Value.Check(WebhookJobData, data) ? data : null
}

test('whoever asked is told of the start before the prediction ends', async () => {
  const data = queue.makeData({ start_webhook })
  const job = await queue.add(data)
  assert.ok('value' in (await queue.outcomeOf(job)))
  const told = await findStart(job.id ?? '')
  assert.deepEqual(
    { url: told?.url, base_url: told?.base_url, prediction_id: told?.prediction_id },
    { ...start_webhook, prediction_id: job.id },
  )
  const startedAt = await queue.redis.hget(queue.queue.toKey(job.id ?? ''), STARTED_AT_FIELD)
  assert.deepEqual(told?.started, { created_at: job.timestamp, started_at: Number(startedAt) })
  assert.deepEqual(told.prediction, data)
})

test('of a prediction that was made with a key, under the name of its submission', async () => {
  const submission_id = randomUUID()
  const job = await queue.add(
    queue.makeData({ start_webhook, idempotency: { submission_id, request_sha256: '' } }),
  )
  await queue.outcomeOf(job)
  assert.equal((await findStart(submission_id))?.prediction_id, job.id)
})

test('of one whose answer is known too', async () => {
  const known: KnownAnswer = { top_k: [[1, 0.5]], confident: true, digest: '', trained: true }
  const data = queue.makeData({ start_webhook, known })
  const job = await queue.add({ ...data, upload: { ...data.upload, id: null } })
  assert.ok('value' in (await queue.outcomeOf(job)))
  assert.equal((await findStart(job.id ?? ''))?.prediction_id, job.id)
})

test('of one that fails too, and of its next attempt not once more', async () => {
  const job = await queue.add(queue.makeData({ start_webhook }), null)
  assert.ok('failed' in (await queue.outcomeOf(job)))
  assert.notEqual(await findStart(job.id ?? ''), null)
  const again = createTellStart(
    { redis: queue.redis, log: pino({ level: 'silent' }) },
    { prefix: queue.env.REDIS_PREFIX },
  )
  const before = (await queue.webhooks.getJobs()).length
  await again.tellStart(job, queue.makeData({ start_webhook }), 1)
  assert.equal((await queue.webhooks.getJobs()).length, before)
  assert.notEqual((await findStart(job.id ?? ''))?.started?.started_at, 1)
  await again.close()
})

test('nobody who did not ask, and nobody of what was never run', async () => {
  const before = (await queue.webhooks.getJobs()).length
  await queue.outcomeOf(await queue.add(queue.makeData()))
  const expired = queue.makeData({ start_webhook, deadline: Date.now() - 60_000 })
  assert.ok('failed' in (await queue.outcomeOf(await queue.add(expired))))
  assert.equal((await queue.webhooks.getJobs()).length, before)
})

test('a Redis that is full costs the webhook, not the prediction; then it works again', async (t) => {
  const server = await startTestRedis()
  const full = await openTestQueue(server.url)
  const { tellStart, close } = createTellStart(
    { redis: full.redis, log: pino({ level: 'silent' }) },
    { prefix: full.env.REDIS_PREFIX },
  )
  t.after(async () => {
    await close()
    await full.close()
    await server.stop()
  })
  const data = full.makeData({ start_webhook })
  const job = await full.add(data)
  await full.redis.config('SET', 'maxmemory', '1mb')
  await tellStart(job, data, 1)
  await full.redis.config('SET', 'maxmemory', '0')
  assert.equal(await full.webhooks.getJob(`wh-start-${job.id}`), undefined)
  await tellStart(job, data, 1)
  assert.notEqual(await full.webhooks.getJob(`wh-start-${job.id}`), undefined)
})
