/** A stream tells every status once, in order, to its end; who comes again goes on where it was, at any gateway. */
import { CANCELED_AT_FIELD } from '@menagerie/contract/job-record'
import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGate, failWith, startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { countReads, startPrivateRedis } from '../testing/private-redis.ts'
import { readEvents } from '../testing/read-events.ts'
import { expectProblem, getPrediction, submit } from '../testing/requests.ts'

const POLL_MS = 2000

/** Lets everything else run, without a timer. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const turnUntil = async (check: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await check())) await nextTurn()
}

const follow = (gateway: TestGateway, id: string, lastEventId?: string) =>
  readEvents(
    `${gateway.url}/v1/predictions/${id}/events`,
    lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
  )

const namesOf = ({ events }: Awaited<ReturnType<typeof follow>>): string[] => events.map(({ event }) => event)

test('who follows from the start is told of each status as it comes', async (t) => {
  const gateway = await openTestGateway(t)
  const { id, urls } = await submit(gateway)
  assert.equal(urls.events, `${gateway.url}/v1/predictions/${id}/events`)
  const stream = await follow(gateway, id)
  assert.equal(stream.response.status, 200)
  assert.match(stream.response.headers.get('content-type') ?? '', /^text\/event-stream/)
  assert.equal(stream.response.headers.get('cache-control'), 'no-store')
  await waitUntil('it is told that it waits', () => stream.events.length === 1)
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  await waitUntil('it is told that it has begun', () => stream.events.length === 2)
  gate.open()
  await stream.ended

  assert.deepEqual(namesOf(stream), ['queued', 'processing', 'succeeded'])
  assert.deepEqual(
    stream.events.map(({ data }) => [data.id, data.status]),
    [
      [id, 'queued'],
      [id, 'processing'],
      [id, 'succeeded'],
    ],
  )
  const [queued, processing, succeeded] = stream.events
  assert.deepEqual(queued?.data.queue, { position: 0, estimated_wait_ms: null })
  assert.equal(queued?.data.started_at, null)
  assert.equal(typeof processing?.data.started_at, 'string')
  assert.equal(processing?.data.completed_at, null)
  assert.deepEqual(succeeded?.data, await getPrediction(gateway, id))
  assert.match(stream.text(), /^retry: \d+\n\n/)
})

test('who comes when it is over is told how it went, and comes again in vain', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const { id } = await submit(gateway)
  const ended = await getPrediction(gateway, id, '?wait=60')
  const stream = await follow(gateway, id)
  await stream.ended
  assert.deepEqual(namesOf(stream), ['queued', 'processing', 'succeeded'])
  const [queued, processing, succeeded] = stream.events.map(({ data }) => data)
  assert.deepEqual(
    [queued?.status, queued?.started_at, queued?.output, queued?.queue],
    ['queued', null, null, null],
  )
  assert.equal(processing?.started_at, ended.started_at)
  assert.deepEqual(
    [processing?.status, processing?.completed_at, processing?.output],
    ['processing', null, null],
  )
  assert.deepEqual(succeeded, ended)

  const again = await follow(gateway, id, stream.events.at(-1)?.id)
  assert.equal(again.response.status, 204)
  assert.equal(again.text(), '')
})

test('a prediction that fails ends with failed', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, { answer: failWith('image_undecodable: it is damaged') })
  const { id } = await submit(gateway)
  const stream = await follow(gateway, id)
  await stream.ended
  assert.deepEqual(namesOf(stream), ['queued', 'processing', 'failed'])
  assert.equal(stream.events.at(-1)?.data.error?.code, 'image_undecodable')
})

test('a prediction that expires, or is canceled, before anybody began it was never processing', async (t) => {
  const gateway = await openTestGateway(t, { MAX_QUEUE_AGE: '1s' })
  const { id } = await submit(gateway)
  const { id: other } = await submit(gateway)
  const [expiring, canceling] = [await follow(gateway, id), await follow(gateway, other)]
  await gateway.redis.hset(gateway.queue.toKey(other), CANCELED_AT_FIELD, Date.now())
  await Promise.all([expiring.ended, canceling.ended])
  assert.deepEqual(namesOf(expiring), ['queued', 'expired'])
  assert.deepEqual(namesOf(canceling), ['queued', 'canceled'])
})

test('who comes again with the last id misses nothing and gets nothing twice', async (t) => {
  const first = await openTestGateway(t)
  const second = await openTestGateway(t, { REDIS_PREFIX: first.prefix })
  const { id } = await submit(first)
  const before = await follow(first, id)
  await waitUntil('it is told that it waits', () => before.events.length === 1)
  before.leave()
  const gate = createGate()
  await startFakeWorker(t, first, gate)
  await waitUntil('it has begun', async () => (await getPrediction(first, id)).status === 'processing')
  const between = await follow(second, id, before.events.at(-1)?.id)
  await waitUntil('it is told that it has begun', () => between.events.length === 1)
  between.leave()
  gate.open()
  await getPrediction(first, id, '?wait=60')
  const after = await follow(first, id, between.events.at(-1)?.id)
  await after.ended
  assert.deepEqual([before, between, after].flatMap(namesOf), ['queued', 'processing', 'succeeded'])

  const odd = await follow(first, id, 'what is this')
  await odd.ended
  assert.deepEqual(namesOf(odd), ['queued', 'processing', 'succeeded'])
})

test('a gateway that stops ends its streams in good order, and another one goes on', async (t) => {
  const first = await openTestGateway(t)
  const second = await openTestGateway(t, { REDIS_PREFIX: first.prefix })
  const { id } = await submit(first)
  const streams = await Promise.all(Array.from({ length: 5 }, () => follow(first, id)))
  await waitUntil('all are told that it waits', () => streams.every(({ events }) => events.length === 1))
  await first.close()
  for (const { ended, text } of streams) {
    await ended
    assert.match(text(), /\n\nretry: \d+\n\n$/)
  }
  const resumed = await follow(second, id, streams[0]?.events.at(-1)?.id)
  await startFakeWorker(t, second)
  await resumed.ended
  assert.equal(namesOf(resumed).at(-1), 'succeeded')
  assert.ok(!namesOf(resumed).includes('queued'))
})

test('what does not exist cannot be followed', async (t) => {
  const gateway = await openTestGateway(t)
  for (const id of ['00000000-0000-4000-8000-000000000000', 'events']) {
    await expectProblem(await fetch(`${gateway.url}/v1/predictions/${id}/events`), 'prediction_not_found')
  }
})

test('a stream lives on while Redis is away, and tells the end when it is back', async (t) => {
  const redis = await startPrivateRedis(t, { durable: true })
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url })
  const { id } = await submit(gateway)
  const stream = await follow(gateway, id)
  await waitUntil('it is told that it waits', () => stream.events.length === 1)
  redis.kill('SIGKILL')
  await redis.exited
  await waitUntil('it is noticed', async () => (await fetch(`${gateway.url}/readyz`)).status === 503)
  await expectProblem(await fetch(`${gateway.url}/v1/predictions/${id}/events`), 'queue_unavailable')
  await startPrivateRedis(t, { durable: true, dir: redis.dir, port: redis.port })
  await startFakeWorker(t, gateway)
  await stream.ended
  assert.equal(namesOf(stream).at(-1), 'succeeded')
})

test('clients that leave, leave nothing behind: nobody looks for them any more', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url })
  const { id } = await submit(gateway)
  // Time passes only when the test says so.
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const streams = await Promise.all(Array.from({ length: 20 }, () => follow(gateway, id)))
  await turnUntil(() => streams.every(({ events }) => events.length === 1))
  const atFirst = await countReads(gateway.redis)
  t.mock.timers.tick(POLL_MS)
  // They look at the same moment, so one reading does for all.
  await turnUntil(async () => (await countReads(gateway.redis)) > atFirst)

  for (const { leave } of streams) leave()
  await turnUntil(async () => {
    t.mock.timers.tick(POLL_MS)
    return (await gateway.countConnections()) <= 1
  })
  for (let turn = 0; turn < 50; turn++) await nextTurn()
  const afterwards = await countReads(gateway.redis)
  for (let i = 0; i < 10; i++) {
    t.mock.timers.tick(POLL_MS)
    for (let turn = 0; turn < 20; turn++) await nextTurn()
  }
  assert.equal(await countReads(gateway.redis), afterwards)
  t.mock.timers.reset()
})
