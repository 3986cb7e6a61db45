/** A job that is handed back is where it was before it was taken, and somebody who has nothing to do hears of it. */
import { JOB_PRIORITY, predictQueueName } from '@menagerie/contract/job'
import { Queue, Worker, type Job } from 'bullmq'
import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { handBackJob } from './hand-back.ts'

const LOCK_MS = 30_000

/** A queue of its own, with a worker that takes jobs only when the test says so. */
const openQueue = async (t: TestContext) => {
  const redis = new Redis(process.env['TEST_REDIS_URL'] ?? '', { maxRetriesPerRequest: null })
  const connection = { connection: redis, prefix: `test-${randomUUID()}` }
  const queue = new Queue(predictQueueName('a-model'), connection)
  const taker = new Worker(queue.name, null, { ...connection, autorun: false, lockDuration: LOCK_MS })
  t.after(async () => {
    await taker.close()
    await queue.obliterate({ force: true })
    await queue.close()
    redis.disconnect()
  })
  const take = async (token: string): Promise<Job> => {
    const job = await taker.getNextJob(token, { block: false })
    assert.ok(job !== undefined)
    return job
  }
  return {
    redis,
    queue,
    connection,
    take,
    add: (id: string, timestamp: number, priority: number = JOB_PRIORITY.ordinary) =>
      queue.add('predict', {}, { jobId: id, timestamp, priority }),
    handBack: (job: Job) => handBackJob(redis, job, job.token ?? ''),
    listWaiting: () => redis.zrange(queue.toKey('prioritized'), '0', '-1'),
  }
}

test('jobs come back to their places, in whatever order they are handed back', async (t) => {
  const { add, take, handBack, listWaiting } = await openQueue(t)
  const ids = ['f', 'b', 'd', 'a', 'e', 'c', 'g', 'h']
  for (const [i, id] of ids.entries()) await add(id, 1000 + i)
  const taken: Job[] = []
  for (let i = 0; i < 6; i++) taken.push(await take(`token-${i}`))
  for (const i of [3, 0, 5, 1, 4, 2]) assert.equal(await handBack(taken[i]!), true)
  assert.deepEqual(await listWaiting(), ids)
  const again = []
  for (let i = 0; i < ids.length; i++) again.push((await take(`again-${i}`)).id)
  assert.deepEqual(again, ids)
})

test('jobs of the same moment come back in the order in which they were taken', async (t) => {
  const { redis, queue, add, take, handBack, listWaiting } = await openQueue(t)
  for (const id of ['c', 'a', 'b', 'd']) await add(id, 1000)
  const taken: Job[] = []
  for (let i = 0; i < 3; i++) {
    const job = await take(`token-${i}`)
    // By the worker's clock, which may give two jobs the same millisecond.
    await redis.hset(queue.toKey(job.id ?? ''), 'processedOn', 2000 + i)
    taken.push(job)
  }
  for (const i of [1, 2, 0]) await handBack(taken[i]!)
  assert.deepEqual(await listWaiting(), ['c', 'a', 'b', 'd'])
})

test('each goes before what waits with its own priority, and behind what goes first', async (t) => {
  const { add, take, handBack, listWaiting } = await openQueue(t)
  const PRIORITY_MAX = 2_097_151
  await add('urgent', 1000, 1)
  await add('middle', 1001, 7)
  await add('last', 1002, PRIORITY_MAX)
  await add('last too', 1003, PRIORITY_MAX)
  const taken = [await take('a'), await take('b'), await take('c'), await take('d')]
  await add('new last', 1004, PRIORITY_MAX)
  await add('new middle', 1005, 7)
  await add('new urgent', 1006, 1)
  await add('between', 1007, PRIORITY_MAX - 1)
  for (const i of [3, 1, 0, 2]) await handBack(taken[i]!)
  assert.deepEqual(await listWaiting(), [
    'urgent',
    'new urgent',
    'middle',
    'new middle',
    'between',
    'last',
    'last too',
    'new last',
  ])
})

test('it costs no attempt and no stall, and leaves neither lock nor trace in the active list', async (t) => {
  const { redis, queue, add, take, handBack } = await openQueue(t)
  const { id = '' } = await add('a', 1000)
  const job = await take('token')
  await redis.sadd(queue.toKey('stalled'), id)
  assert.equal(await handBack(job), true)
  assert.equal(await queue.getActiveCount(), 0)
  assert.equal(await redis.exists(queue.toKey(`${id}:lock`)), 0)
  assert.equal(await redis.scard(queue.toKey('stalled')), 0)
  const stored = await queue.getJob(id)
  assert.equal(stored?.attemptsMade, 0)
  assert.equal(stored?.stalledCounter, 0)
  const [last] = await redis.xrevrange(queue.toKey('events'), '+', '-', 'COUNT', 1)
  assert.deepEqual(last?.[1], ['event', 'waiting', 'jobId', 'a', 'prev', 'active'])
})

test('what another worker has by now is left to it', async (t) => {
  const { redis, queue, add, take, handBack, listWaiting } = await openQueue(t)
  const { id = '' } = await add('a', 1000)
  const job = await take('token')
  await redis.set(queue.toKey(`${id}:lock`), 'of another')
  assert.equal(await handBack(job), false)
  assert.deepEqual(await listWaiting(), [])
  assert.equal(await queue.getActiveCount(), 1)
})

test('a worker that has nothing to do is woken', async (t) => {
  const { redis, queue, connection, add, take, handBack } = await openQueue(t)
  await add('a', 1000)
  const job = await take('token')
  // Taking a job tells the next worker as well. It has looked, and waits again.
  await redis.del(queue.toKey('marker'))
  let isIdle: () => void = assert.fail
  const idle = new Promise<void>((resolve) => (isIdle = resolve))
  let isTaken: (id: string | undefined) => void = assert.fail
  const taken = new Promise<string | undefined>((resolve) => (isTaken = resolve))
  // It would look by itself after an hour.
  const worker = new Worker(queue.name, async (job) => isTaken(job.id), { ...connection, drainDelay: 3600 })
  t.after(() => worker.close())
  worker.on('drained', () => isIdle())
  await idle
  await handBack(job)
  assert.equal(await taken, 'a')
})
