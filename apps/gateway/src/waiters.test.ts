/**
 * 5,000 clients wait at one gateway, in every way that there is: each gets its answer, none after its time, over one
 * subscription, with few readings, and in under 300 MB.
 */
import { startGateway, waitUntil, type AppProcess } from '@menagerie/harness/processes'
import { createKeys } from '@menagerie/shared/keys'
import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { platform } from 'node:os'
import { test, type TestContext } from 'node:test'
import { atEnd } from './testing/at-end.ts'
import { makeReturnValue, startFakeWorker } from './testing/fake-worker.ts'
import { countReads, startPrivateRedis } from './testing/private-redis.ts'
import { requestHead } from './testing/raw-client.ts'

const WAIT_S = 40
/** A busy machine answers late, but answers. */
const LATE_MS_MAX = 15_000
const PREDICTIONS = 500
const COUNTS = { poll: 2000, stream: 2000, prefer: 1000 }
const WAITERS = COUNTS.poll + COUNTS.stream + COUNTS.prefer
const DESCRIPTORS_MIN = WAITERS + 500
const RSS_MAX = 300e6
/** As large as a usual photo: who waits must not hold it. */
const PHOTO = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(110_000, 7)])
const SMALL = PHOTO.subarray(0, 1000)

/** Node raises its own limit to the hard one when it starts. */
const readDescriptorsMax = (): number => {
  if (platform() !== 'linux') return Number.POSITIVE_INFINITY
  const hard = /^Max open files +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? ''
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
}

interface Waiter {
  text: string
  /** From when all was sent until the answer was there; null before. */
  answeredAfterMs: number | null
  hasEnded: boolean
}

const openWaiter = async (port: number, request: string, body: Uint8Array): Promise<Waiter> => {
  const socket = connect(port, '127.0.0.1')
  const waiter: Waiter = { text: '', answeredAfterMs: null, hasEnded: false }
  await once(socket, 'connect')
  socket.setEncoding('latin1')
  let sentAt = performance.now()
  socket.on('data', (chunk: string) => {
    waiter.text += chunk
    waiter.answeredAfterMs ??= performance.now() - sentAt
  })
  socket.on('close', () => (waiter.hasEnded = true))
  socket.on('error', (error) => (waiter.text += ` broken: ${error.message}`))
  socket.cork()
  socket.write(request)
  socket.write(body, () => (sentAt = performance.now()))
  socket.uncork()
  return waiter
}

const WAVE = 100

/** Opens this many, some at a time, as a server cannot take thousands in one moment. */
const openWaiters = async (
  gateway: AppProcess,
  count: number,
  requestOf: (index: number) => { request: string; body?: Uint8Array },
): Promise<Waiter[]> => {
  const port = Number(new URL(gateway.url).port)
  const waiters: Waiter[] = []
  while (waiters.length < count) {
    const wave = Array.from({ length: Math.min(WAVE, count - waiters.length) }, (_, i) => {
      const { request, body = new Uint8Array() } = requestOf(waiters.length + i)
      return openWaiter(port, request, body)
    })
    waiters.push(...(await Promise.all(wave)))
  }
  return waiters
}

const acceptMany = async (gateway: AppProcess, count: number): Promise<string[]> => {
  const ids: string[] = []
  const accept = async (): Promise<void> => {
    while (ids.length < count) {
      const place = ids.push('') - 1
      const headers = { 'content-type': 'image/jpeg' }
      const body = new Uint8Array(SMALL)
      const answer = await fetch(`${gateway.url}/v1/predictions`, { method: 'POST', headers, body })
      ids[place] = ((await answer.json()) as { id: string }).id
    }
  }
  await Promise.all(Array.from({ length: 20 }, accept))
  return ids
}

const getRequest = (path: string): string =>
  `GET /v1/predictions/${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`
const preferRequest = requestHead('/v1/predictions', {
  'content-type': 'image/jpeg',
  'content-length': PHOTO.length,
  prefer: `wait=${WAIT_S}`,
  connection: 'close',
})

const open = async (t: TestContext) => {
  const server = await startPrivateRedis(t)
  const redis = new Redis(server.url)
  atEnd(t, 'test redis', () => redis.disconnect())
  const env = { REDIS_URL: server.url, REDIS_PREFIX: 'waiters', MODEL: 'test-model', LOG_LEVEL: 'error' }
  const gateway = await startGateway(env)
  atEnd(t, 'gateway process', () => gateway.stop())
  return { redis, gateway, worker: { redisUrl: server.url, prefix: env.REDIS_PREFIX } }
}

const countBy = (waiters: Waiter[], pattern: RegExp): number =>
  waiters.filter(({ text }) => pattern.test(text)).length

const descriptorsMax = readDescriptorsMax()
const skip = descriptorsMax < DESCRIPTORS_MIN ? `a process may open only ${descriptorsMax} files` : false

test(
  '5,000 who wait are all answered in time, with one subscription and in under 300 MB',
  { skip },
  async (t) => {
    const { redis, gateway, worker } = await open(t)
    // The first of these will be classified while they are waited for, the last ones will not.
    const early = await acceptMany(gateway, PREDICTIONS)
    const prefer = await openWaiters(gateway, COUNTS.prefer, () => ({ request: preferRequest, body: PHOTO }))
    const late = await acceptMany(gateway, PREDICTIONS)
    const ids = [...early, ...late]
    const idOf = (index: number): string => ids[index % ids.length] ?? ''

    const streams = await openWaiters(gateway, COUNTS.stream, (i) => ({
      request: getRequest(`${idOf(i)}/events`),
    }))
    const polls = await openWaiters(gateway, COUNTS.poll, (i) => ({
      request: getRequest(`${idOf(i)}?wait=${WAIT_S}`),
    }))
    await waitUntil('all streams have begun', () => countBy(streams, /event: queued/) === streams.length)
    assert.equal(countBy([...polls, ...prefer], /./), 0, 'nobody else has an answer yet')
    const queue = `${worker.prefix}:predict.test-model:prioritized`
    await waitUntil('all uploads are in the queue', async () => {
      return (await redis.zcard(queue)) === ids.length + prefer.length
    })

    const channel = createKeys(worker.prefix).ended
    assert.deepEqual(await redis.pubsub('NUMSUB', channel), [channel, 1])
    const clients = String(await redis.client('LIST'))
      .trim()
      .split('\n')
    // Whatever the number of those who wait: the gateway's connections, and the test's own.
    assert.ok(clients.length <= 8, `Redis has ${clients.length} clients`)

    const classified = early.length + prefer.length / 2
    const readsBefore = await countReads(redis)
    let taken = 0
    await startFakeWorker(t, worker, {
      concurrency: 50,
      answer: async () => {
        taken += 1
        return taken <= classified ? makeReturnValue() : new Promise(() => undefined)
      },
    })

    await waitUntil('all are answered', () => [...polls, ...prefer].every(({ hasEnded }) => hasEnded))
    const reads = (await countReads(redis)) - readsBefore
    for (const { text, answeredAfterMs } of [...polls, ...prefer]) {
      assert.match(text, /^HTTP\/1\.1 20[02] OK|^HTTP\/1\.1 202 Accepted/)
      assert.ok((answeredAfterMs ?? Infinity) <= WAIT_S * 1000 + LATE_MS_MAX, `after ${answeredAfterMs} ms`)
    }
    assert.equal(countBy(polls, /"status":"succeeded"/), polls.length / 2)
    assert.equal(countBy(polls, /"status":"(queued|processing)"/), polls.length / 2)
    assert.equal(countBy(prefer, /^HTTP\/1\.1 200 [^]*"status":"succeeded"/), prefer.length / 2)
    assert.equal(countBy(prefer, /^HTTP\/1\.1 202 [^]*"status":"(queued|processing)"/), prefer.length / 2)
    assert.equal(countBy(streams, /event: succeeded/), streams.length / 2)
    // Each of them looks every two seconds, which would be over ten readings each.
    assert.ok(reads < WAITERS, `${reads} readings`)

    for (const id of late) await fetch(`${gateway.url}/v1/predictions/${id}/cancel`, { method: 'POST' })
    await waitUntil('all streams have ended', () => streams.every(({ hasEnded }) => hasEnded))
    assert.equal(countBy(streams, /event: (succeeded|canceled)/), streams.length)
    if (platform() === 'linux') {
      const status = readFileSync(`/proc/${gateway.child.pid}/status`, 'utf8')
      const highest = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
      t.diagnostic(`the gateway had at most ${(highest / 1e6).toFixed(0)} MB, and made ${reads} readings`)
      assert.ok(highest < RSS_MAX, `${highest} bytes`)
    }
    assert.equal(gateway.log(), '')
  },
)
