/** Who goes before whom, on a real queue. */
import { predictQueueName } from '@menagerie/contract/job'
import type { Priority } from '@menagerie/contract/prediction'
import { waitUntil } from '@menagerie/harness/processes'
import { createKeys } from '@menagerie/shared/keys'
import { Queue, Worker, type Job } from 'bullmq'
import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { pino } from 'pino'
import { createFairOrder } from './fair-order.ts'
import { RENUMBER_FROM } from './fair-order-scripts.ts'
import { atEnd } from './testing/at-end.ts'

const MODEL = 'a-model'
const log = pino({ level: 'silent' })

/** A queue of its own, and a worker that takes jobs only when the test says so. */
const openQueue = async (t: TestContext, weights: Record<string, number> = {}) => {
  const redis = new Redis(process.env['TEST_REDIS_URL'] ?? '', { maxRetriesPerRequest: null })
  const prefix = `test-${randomUUID()}`
  const keys = createKeys(prefix)
  const connection = { connection: redis, prefix }
  const queue = new Queue(predictQueueName(MODEL), connection)
  const worker = new Worker(queue.name, null, { ...connection, autorun: false })
  atEnd(t, 'queue', async () => {
    await worker.close()
    await queue.obliterate({ force: true })
    await queue.close()
    redis.disconnect()
  })
  const order = createFairOrder(
    { redis, keys, weightOf: (tenant) => weights[tenant] ?? 1, log },
    { prefix, queueAgeMaxMs: 60_000 },
  )
  const add = async (id: string, priority: number): Promise<void> => {
    await queue.add('predict', {}, { jobId: id, priority, attempts: 2, backoff: { type: 'fixed', delay: 1 } })
  }
  const numbers = new Map<string, number>()
  return {
    redis,
    keys,
    queue,
    order,
    add,
    /** Adds predictions of a tenant, which are called `<tenant><number>`, or after their priority. */
    submit: async (tenant: string, count = 1, priority?: Priority): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const name = priority ?? tenant
        const number = (numbers.get(name) ?? 0) + 1
        numbers.set(name, number)
        const who = { tenant, ...(priority === undefined ? {} : { priority }) }
        await add(`${name}${number}`, await order.takeTag(MODEL, who))
      }
    },
    take: async (): Promise<Job> => {
      const job = await worker.getNextJob('token', { block: false })
      assert.ok(job !== undefined)
      return job
    },
    listWaiting: async () => (await redis.zrange(queue.toKey('prioritized'), '0', '-1')).join(' '),
    readTag: async (id: string) => Number(await redis.hget(queue.toKey(id), 'priority')),
  }
}

test('who comes to a flood of another takes turns with it', async (t) => {
  const { submit, listWaiting } = await openQueue(t)
  await submit('a', 6)
  await submit('b', 3)
  assert.equal(await listWaiting(), 'a1 a2 b1 a3 b2 a4 b3 a5 a6')
})

test('tenants get shares in proportion to their weights', async (t) => {
  const { submit, listWaiting } = await openQueue(t, { heavy: 3 })
  await submit('light', 4)
  await submit('heavy', 9)
  const order = (await listWaiting()).replaceAll(/[0-9]/g, '').split(' ')
  // Behind the one at the head, whose turn it was.
  assert.deepEqual(
    order
      .slice(1)
      .map((name, i) => [i, name])
      .filter(([, name]) => name === 'light'),
    [
      [0, 'light'],
      [4, 'light'],
      [8, 'light'],
    ],
  )
})

test("high goes before one's own normal ones, low behind, and each gets its share of what follows", async (t) => {
  const { submit, listWaiting } = await openQueue(t)
  await submit('a', 6)
  await submit('a', 2, 'low')
  await submit('a', 4, 'high')
  assert.equal(await listWaiting(), 'a1 a2 high1 high2 a3 low1 high3 high4 a4 a5 low2 a6')
})

test('low waits its turn, however many come after it', async (t) => {
  const { submit, take, listWaiting } = await openQueue(t)
  await submit('a', 2)
  await submit('b', 1, 'low')
  const taken: string[] = []
  while (taken.length < 12) {
    const { id = '' } = await take()
    taken.push(id)
    await submit('a', 1)
    await submit('c', 1, 'high')
  }
  assert.ok(taken.includes('low1'), `${taken.join(' ')} | ${await listWaiting()}`)
})

test('what somebody got while nobody else wanted it is not held against them', async (t) => {
  const { submit, take, listWaiting } = await openQueue(t)
  await submit('a', 30)
  for (let i = 0; i < 30; i++) await take()
  await submit('b', 3)
  await submit('a', 3)
  assert.equal(await listWaiting(), 'b1 b2 a31 b3 a32 a33')
})

test('a prediction that is tried again goes before what came after it', async (t) => {
  const { submit, take, listWaiting } = await openQueue(t)
  await submit('a', 4)
  const first = await take()
  await first.moveToFailed(new Error('once more'), 'token')
  await waitUntil(
    'its delay is over',
    async () => (await first.getState()) !== 'delayed' || (await promote()),
  )
  async function promote(): Promise<boolean> {
    await first.promote().catch(() => undefined)
    return (await first.getState()) !== 'delayed'
  }
  await submit('b', 1)
  assert.equal(await listWaiting(), 'a1 a2 b1 a3 a4')
})

/** Each job of `far` takes as many numbers as a hundred thousand ordinary ones. */
const FAR = { far: 1 / 100_000 }

test('numbers begin anew in a queue that is never empty, and nothing changes its place', async (t) => {
  const { redis, keys, submit, take, listWaiting, readTag } = await openQueue(t, FAR)
  await submit('far', 9)
  const taken = [await take(), await take(), await take(), await take(), await take()]
  await submit('near', 3)
  const before = (await listWaiting()).split(' ')
  assert.ok((await readTag('far9')) >= RENUMBER_FROM)
  await submit('far', 1)
  await waitUntil('the head is the first again', async () => (await readTag('far6')) === 2)
  assert.equal(await listWaiting(), [...before, 'far10'].join(' '))
  // It goes on as before: a newcomer behind the head, the others behind what they have.
  await submit('new', 1)
  await submit('near', 1)
  await submit('far', 1)
  assert.equal(
    await listWaiting(),
    [
      ...before.slice(0, 2),
      'new1',
      ...before.slice(2, 4),
      'near4',
      ...before.slice(4),
      'far10',
      'far11',
    ].join(' '),
  )
  assert.equal(await readTag('far10'), 2 + 400_000)
  // What is in a worker's hands comes back to the front.
  assert.equal(await readTag(taken[0]?.id ?? ''), 2)
  await taken[0]?.moveToFailed(new Error('once more'), 'token')
  await waitUntil('it is back', async () => {
    await taken[0]?.promote().catch(() => undefined)
    return (await listWaiting()).includes('far1 ')
  })
  assert.equal((await listWaiting()).split(' ').indexOf('far1'), 1)
  assert.ok((await redis.pttl(keys.fair(MODEL))) > 0)
})

test('a number from before finds its place after the numbers have begun anew', async (t) => {
  const { order, add, submit, take, listWaiting, readTag } = await openQueue(t, FAR)
  await submit('far', 9)
  for (let i = 0; i < 5; i++) await take()
  const late = await order.takeTag(MODEL, { tenant: 'late' })
  await submit('far', 1)
  await waitUntil('the head is the first again', async () => (await readTag('far6')) === 2)
  await add('late1', late)
  assert.equal(await listWaiting(), 'far6 far7 far8 far9 late1 far10')
  await submit('b', 1)
  assert.equal(await listWaiting(), 'far6 late1 b1 far7 far8 far9 far10')
  assert.equal(await readTag('late1'), 3)
})

test('what the order remembers of tenants goes when nobody waits', async (t) => {
  const { redis, keys, submit, take } = await openQueue(t)
  for (const tenant of ['a', 'b', 'c', 'd']) await submit(tenant, 2)
  for (let i = 0; i < 8; i++) await take()
  await submit('e', 1)
  assert.deepEqual((await redis.hkeys(keys.fair(MODEL))).toSorted(), ['e:normal', 'now', 'top'])
})
