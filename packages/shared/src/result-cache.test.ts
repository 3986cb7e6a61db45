import type { KnownAnswer } from '@menagerie/contract/job'
import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKeys } from './keys.ts'
import { createResultCache } from './result-cache.ts'
import { createRedisProcess, skipWithoutRedisServer } from './testing/redis-process.ts'
import { useTestRedis } from './testing/test-redis.ts'

const { redis, prefix } = useTestRedis(process.env)
const keys = createKeys(prefix)
const TTL_MS = 60_000
const cache = createResultCache({ redis, keys }, { ttlMs: TTL_MS })
const ANSWER: KnownAnswer = { top_k: [[207, 0.91]], confident: true, digest: 'sha256:0', trained: true }

test('an answer is known by its bytes, by who gave it, and to whom it was given', async () => {
  await cache.put({ tenant: 't', fingerprint: 'f', sha256: 's' }, ANSWER)
  assert.deepEqual(await cache.get({ tenant: 't', fingerprint: 'f', sha256: 's' }), ANSWER)
  assert.equal(await cache.get({ tenant: 't', fingerprint: 'f', sha256: 'other' }), null)
  assert.equal(await cache.get({ tenant: 't', fingerprint: 'other', sha256: 's' }), null)
  assert.equal(await cache.get({ tenant: 'other', fingerprint: 'f', sha256: 's' }), null)
})

test('it is forgotten after its time', async () => {
  await cache.put({ tenant: 't', fingerprint: 'f', sha256: 'expiring' }, ANSWER)
  const ttlMs = await redis.pttl(keys.result('t', 'f', 'expiring'))
  assert.ok(ttlMs > 0 && ttlMs <= TTL_MS, `${ttlMs} ms`)
})

test('what has another form is no answer', async () => {
  await redis.set(keys.result('t', 'f', 'odd'), '{"top_k":[]}', 'PX', TTL_MS)
  assert.equal(await cache.get({ tenant: 't', fingerprint: 'f', sha256: 'odd' }), null)
})

test('nothing is kept while Redis is more than half full', { skip: skipWithoutRedisServer }, async (t) => {
  const server = await createRedisProcess()
  t.after(() => server.remove())
  await server.start()
  const own = new Redis(server.url.slice('unix://'.length))
  t.after(() => own.disconnect())
  const used = Number(/used_memory:(\d+)/.exec(await own.info('memory'))?.[1])
  await own.config('SET', 'maxmemory', String(Math.round(used * 1.8)))
  const full = createResultCache({ redis: own, keys }, { ttlMs: TTL_MS })
  await full.put({ tenant: 't', fingerprint: 'f', sha256: 's' }, ANSWER)
  assert.equal(await own.dbsize(), 0)

  // There was room, but not for this.
  await own.set('a picture', 'x')
  await own.config('SET', 'maxmemory', '1gb')
  const roomy = createResultCache({ redis: own, keys }, { ttlMs: TTL_MS })
  await roomy.put({ tenant: 't', fingerprint: 'f', sha256: 's' }, ANSWER)
  assert.equal(await own.dbsize(), 2)
})
