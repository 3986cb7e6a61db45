import { QueueView } from '@menagerie/contract/queue'
import { waitUntil } from '@menagerie/harness/processes'
import { randomUUID } from 'node:crypto'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Value from 'typebox/value'
import { createGate, registerFakeWorker, startFakeWorker } from '../testing/fake-worker.ts'
import { MODEL, openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { startPrivateRedis } from '../testing/private-redis.ts'
import { submit } from '../testing/requests.ts'

const readQueue = async (gateway: Pick<TestGateway, 'url'>, model = MODEL): Promise<QueueView> => {
  const answer = await fetch(`${gateway.url}/v1/queues/${model}`)
  assert.equal(answer.status, 200)
  const queue: unknown = await answer.json()
  assert.ok(Value.Check(QueueView, queue))
  return queue
}

/** What is remembered is a second old at most. */
const waitForQueue = async (
  gateway: TestGateway,
  what: string,
  check: (queue: QueueView) => boolean,
): Promise<QueueView> => {
  let queue = await readQueue(gateway)
  await waitUntil(what, async () => {
    queue = await readQueue(gateway)
    return check(queue)
  })
  return queue
}

test('the queue of the default model is there before any worker is', async (t) => {
  const gateway = await openTestGateway(t)
  assert.deepEqual(await readQueue(gateway), {
    model: MODEL,
    depth: 0,
    counts: { waiting: 0, prioritized: 0, delayed: 0, active: 0, completed: 0, failed: 0 },
    oldest_age_ms: null,
    capacity_per_second: 0,
    estimated_wait_ms: null,
    workers: [],
  })
})

test('a model that nobody has registered has no queue', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = await fetch(`${gateway.url}/v1/queues/nothing`)
  assert.equal(answer.status, 404)
  assert.equal(((await answer.json()) as { code: string }).code, 'model_not_found')
})

test('depth is what is still to be done, and the oldest is the one that waits longest', async (t) => {
  const gateway = await openTestGateway(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, { answer: gate.answer })
  await submit(gateway)
  await waitForQueue(gateway, 'the first one is active', ({ counts }) => counts.active === 1)
  for (let i = 0; i < 3; i++) await submit(gateway)
  // As by another gateway, a minute ago.
  const data = { v: 1 }
  const waiting = await gateway.queue.add('predict', data, {
    jobId: `${randomUUID()}-old`,
    priority: 1000,
    timestamp: Date.now() - 60_000,
  })
  await gateway.queue.add('predict', data, { jobId: `${randomUUID()}-later`, priority: 2, delay: 3_600_000 })

  const queue = await waitForQueue(gateway, 'all are counted', ({ depth }) => depth === 6)
  assert.deepEqual(queue.counts, {
    waiting: 0,
    prioritized: 4,
    delayed: 1,
    active: 1,
    completed: 0,
    failed: 0,
  })
  assert.ok((queue.oldest_age_ms ?? 0) >= 60_000, String(queue.oldest_age_ms))
  // Two threads, 100 ms each.
  assert.equal(queue.capacity_per_second, 20)
  assert.equal(queue.estimated_wait_ms, 200)
  assert.equal(queue.workers.length, 1)
  assert.equal(queue.workers[0]?.threads, 2)

  await waiting.remove()
  gate.open()
  await waitForQueue(gateway, 'all are done', ({ counts }) => counts.completed === 4)
})

test('only ready workers count for the capacity, all are shown', async (t) => {
  const gateway = await openTestGateway(t)
  await registerFakeWorker(t, gateway)
  await registerFakeWorker(t, gateway, {}, { threads: 4, service_ms: 50 })
  await registerFakeWorker(t, gateway, {}, { state: 'draining' })
  const queue = await readQueue(gateway)
  assert.equal(queue.capacity_per_second, 100)
  assert.equal(queue.estimated_wait_ms, 0)
  assert.deepEqual(queue.workers.map(({ state }) => state).toSorted(), ['draining', 'ready', 'ready'])
})

test('the list has the queue of each model', async (t) => {
  const gateway = await openTestGateway(t)
  await registerFakeWorker(t, gateway, { name: 'other' })
  const answer = await fetch(`${gateway.url}/v1/queues`)
  assert.equal(answer.status, 200)
  const { queues } = (await answer.json()) as { queues: QueueView[] }
  assert.deepEqual(queues.map(({ model }) => model).toSorted(), ['other', MODEL])
})

test('many who ask at the same moment cost Redis one reading', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url })
  const countReadings = async (): Promise<number> =>
    Number(/cmdstat_lrange:calls=(\d+)/.exec(await gateway.redis.info('commandstats'))?.[1] ?? 0)
  await Promise.all(Array.from({ length: 50 }, () => readQueue(gateway)))
  // One more for each second that it takes.
  assert.ok((await countReadings()) < 25, String(await countReadings()))
})
