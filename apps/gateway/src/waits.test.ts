/** Those who wait learn of the end when it is announced; and also when the announcement was lost. */
import { AppError } from '@menagerie/contract/errors'
import type { PredictJobData } from '@menagerie/contract/job'
import { createRecord } from '@menagerie/contract/job-record'
import { waitUntil } from '@menagerie/harness/processes'
import { createKeys } from '@menagerie/shared/keys'
import { createConsumerRedis } from '@menagerie/shared/redis'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { pino } from 'pino'
import { createGate, startFakeWorker } from './testing/fake-worker.ts'
import { atEnd } from './testing/at-end.ts'
import { openTestGateway } from './testing/open-test-gateway.ts'
import {
  countReads,
  createRestrictedUser,
  startPrivateRedis,
  waitForSubscribers,
} from './testing/private-redis.ts'
import { getPrediction, submit } from './testing/requests.ts'
import type { PredictionRead } from './record-reader.ts'
import { createWaits } from './waits.ts'

/** Lets everything else run, without a timer. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('the announcement alone ends a wait', async (t) => {
  const server = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: server.url })
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const { id } = await submit(gateway)
  await waitForSubscribers(gateway.redis)
  const before = await countReads(gateway.redis)
  // Without timers there is no safety poll.
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const waiting = getPrediction(gateway, id, '?wait=60')
  while ((await countReads(gateway.redis)) === before) await nextTurn()
  gate.open()
  assert.equal((await waiting).status, 'succeeded')
  t.mock.timers.reset()
})

test('a wait ends also when no announcement arrives', async (t) => {
  const server = await startPrivateRedis(t)
  // This gateway is deaf: it may do everything but hear announcements.
  const url = await createRestrictedUser(server.url, ['subscribe'])
  const gateway = await openTestGateway(t, { REDIS_URL: url })
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const { id } = await submit(gateway)
  const before = await countReads(gateway.redis)
  const waiting = getPrediction(gateway, id, '?wait=60')
  await waitUntil('somebody waits', async () => (await countReads(gateway.redis)) > before)
  gate.open()
  assert.equal((await waiting).status, 'succeeded')
})

test('a gateway whose subscription was cut off listens again', async (t) => {
  const server = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: server.url })
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const { id } = await submit(gateway)
  const waiting = getPrediction(gateway, id, '?wait=60')
  await waitForSubscribers(gateway.redis)
  for (const client of String(await gateway.redis.client('LIST')).split('\n')) {
    const clientId = /^id=(\d+)\b.*\bsub=1\b/.exec(client)?.[1]
    if (clientId !== undefined) await gateway.redis.client('KILL', 'ID', clientId)
  }
  gate.open()
  assert.equal((await waiting).status, 'succeeded')
  await waitForSubscribers(gateway.redis)
})

test('all who wait for the same prediction learn of its end', async (t) => {
  const gateway = await openTestGateway(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const { id } = await submit(gateway)
  const { id: other } = await submit(gateway)
  const waiting = Array.from({ length: 20 }, () => getPrediction(gateway, id, '?wait=60'))
  const otherWaiting = getPrediction(gateway, other, '?wait=60')
  await waitUntil('all wait', async () => (await gateway.countConnections()) >= waiting.length + 1)
  gate.open()
  for (const prediction of await Promise.all(waiting)) {
    assert.equal(prediction.id, id)
    assert.equal(prediction.status, 'succeeded')
  }
  assert.equal((await otherWaiting).id, other)
})

test('two gateways: whoever accepted it, each can wait for it', async (t) => {
  const first = await openTestGateway(t)
  const second = await openTestGateway(t, { REDIS_PREFIX: first.prefix })
  const gate = createGate()
  await startFakeWorker(t, first, gate)
  const { id } = await submit(first)
  const waiting = [getPrediction(first, id, '?wait=60'), getPrediction(second, id, '?wait=60')]
  gate.open()
  for (const { status } of await Promise.all(waiting)) assert.equal(status, 'succeeded')
})

const DATA: PredictJobData = {
  v: 1,
  model: 'a-model',
  top_k: 1,
  upload: { id: 'u', bytes: 1, sha256: '', content_type: 'image/jpeg', filename: null },
  metadata: {},
  deadline: 1,
}

const makeRead = (status: PredictionRead['status']): PredictionRead => ({
  status,
  nowMs: 0,
  position: status === 'queued' ? 0 : null,
  record: createRecord('an-id', DATA, 0),
})

/** Waits with a reader that gives these readings, the last one for ever; and a real, but quiet, Redis. */
const openWaits = async (t: TestContext, readings: Array<PredictionRead | null | Error>) => {
  const gateway = await openTestGateway(t)
  const log = pino({ level: 'silent' })
  const redis = createConsumerRedis({ url: gateway.redisUrl, name: 'test-waits', log })
  atEnd(t, 'redis of the waits', () => redis.disconnect())
  let reads = 0
  const read = async (): Promise<PredictionRead | null> => {
    const reading = readings[Math.min(reads, readings.length - 1)] ?? null
    reads += 1
    if (reading instanceof Error) throw reading
    return reading
  }
  const waits = createWaits({ subscriber: redis, reader: { read }, keys: createKeys(gateway.prefix) })
  await redis.ping()
  const announce = (message: string) => gateway.redis.publish(createKeys(gateway.prefix).ended, message)
  return { waits, announce, countReads: () => reads }
}

const HOUR_MS = 3_600_000

test('a wait of no time looks once', async (t) => {
  const { waits, countReads } = await openWaits(t, [makeRead('queued')])
  assert.equal((await waits.waitForEnd('an-id', { timeoutMs: 0 }))?.status, 'queued')
  assert.equal(countReads(), 1)
})

test('a wait whose time is up ends with what is known then', async (t) => {
  const { waits } = await openWaits(t, [makeRead('queued'), makeRead('processing')])
  assert.equal((await waits.waitForEnd('an-id', { timeoutMs: 20 }))?.status, 'processing')
})

test('a wait for what does not exist ends at once', async (t) => {
  const { waits } = await openWaits(t, [null])
  assert.equal(await waits.waitForEnd('an-id', { timeoutMs: HOUR_MS }), null)
})

test('a wait ends when its client goes away', async (t) => {
  const { waits, countReads } = await openWaits(t, [makeRead('queued')])
  const client = new AbortController()
  const waiting = waits.waitForEnd('an-id', { timeoutMs: HOUR_MS, signal: client.signal })
  await waitUntil('it waits', () => countReads() > 0)
  client.abort()
  assert.equal((await waiting)?.status, 'queued')
  const late = waits.waitForEnd('an-id', { timeoutMs: HOUR_MS, signal: client.signal })
  assert.equal((await late)?.status, 'queued')
})

test('stopping ends all waits, and those that come later', async (t) => {
  const { waits, countReads } = await openWaits(t, [makeRead('queued')])
  const waiting = ['a', 'b'].map((id) => waits.waitForEnd(id, { timeoutMs: HOUR_MS }))
  await waitUntil('both wait', () => countReads() >= 2)
  waits.stop()
  for (const read of await Promise.all(waiting)) assert.equal(read?.status, 'queued')
  assert.equal((await waits.waitForEnd('c', { timeoutMs: HOUR_MS }))?.status, 'queued')
})

test('a reading that fails on the way is made up for by the next one', async (t) => {
  const { waits } = await openWaits(t, [
    makeRead('queued'),
    new AppError('queue_unavailable', 'away'),
    makeRead('succeeded'),
  ])
  assert.equal((await waits.waitForEnd('an-id', { timeoutMs: HOUR_MS }))?.status, 'succeeded')
})

test('a first reading that fails is an error at once', async (t) => {
  const { waits } = await openWaits(t, [new AppError('queue_unavailable', 'away')])
  await assert.rejects(waits.waitForEnd('an-id', { timeoutMs: HOUR_MS }), { code: 'queue_unavailable' })
})

test('who listens before there is anything to hear misses nothing', async (t) => {
  const { waits, countReads, announce } = await openWaits(t, [makeRead('succeeded')])
  const listener = waits.listen('an-id')
  await announce('an-id')
  const read = await listener.waitForEnd(DATA, { timeoutMs: HOUR_MS })
  assert.equal(read?.status, 'succeeded')
  assert.equal(countReads(), 1)
  listener.close()
})

/** An announcement with `values` for timestamp, processedOn, finishedOn, ats, failedReason. */
const announcementOf = (...values: Array<string | false>): string =>
  `an-id ${JSON.stringify({ now_ms: 7, values: [...values, false, false, false] })}`

test('an announcement that says how it ended is believed, and nothing is read', async (t) => {
  const { waits, announce, countReads } = await openWaits(t, [makeRead('queued')])
  const listener = waits.listen('an-id')
  await announce(announcementOf('1', '2', '3', '1', 'image_undecodable: it is damaged'))
  const read = await listener.waitForEnd({ ...DATA, deadline: 100 }, { timeoutMs: HOUR_MS })
  assert.equal(read?.status, 'failed')
  assert.equal(read?.record.createdAt, 1)
  assert.equal(read?.record.failedReason, 'image_undecodable: it is damaged')
  assert.equal(countReads(), 0)
  listener.close()
})

const UNCLEAR: [what: string, message: string][] = [
  ['is of no end', announcementOf('1', '2', false, '1', false)],
  ['is of a record that is gone', announcementOf(false, false, false, false, false)],
  ['is of a later form', 'an-id {"now_ms":"7"}'],
  ['is no JSON', 'an-id {'],
]
for (const [what, message] of UNCLEAR) {
  test(`after an announcement that ${what} the record is read`, async (t) => {
    const { waits, announce, countReads } = await openWaits(t, [makeRead('succeeded')])
    const listener = waits.listen('an-id')
    await announce(message)
    const read = await listener.waitForEnd({ ...DATA, deadline: 100 }, { timeoutMs: HOUR_MS })
    assert.equal(read?.status, 'succeeded')
    assert.equal(countReads(), 1)
    listener.close()
  })
}

test('a last reading that fails is an error', async (t) => {
  const { waits } = await openWaits(t, [makeRead('queued'), new AppError('queue_unavailable', 'away')])
  await assert.rejects(waits.waitForEnd('an-id', { timeoutMs: 20 }), { code: 'queue_unavailable' })
})
