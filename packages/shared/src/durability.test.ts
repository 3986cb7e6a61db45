import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createConsumerRedis } from './redis.ts'
import { createDurabilityCheck } from './durability.ts'
import { createLogCollector } from './testing/log-collector.ts'
import { createRedisProcess, skipWithoutRedisServer } from './testing/redis-process.ts'

const skip = skipWithoutRedisServer

const setUp = async (t: TestContext, serverArgs: string[]) => {
  const server = await createRedisProcess(serverArgs)
  t.after(() => server.remove())
  await server.start()
  const { log, lines } = createLogCollector()
  const redis = createConsumerRedis({ url: server.url, name: 'test', log })
  t.after(() => redis.disconnect())
  return { redis, lines, check: createDurabilityCheck({ redis, log }) }
}

/** The lines that are logged about a server with these settings. */
const warnAbout = async (t: TestContext, serverArgs: string[]) => {
  const { check, lines } = await setUp(t, serverArgs)
  await check()
  return lines
}

const STRONG = ['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction']
const WEAK = ['--appendonly', 'no', '--appendfsync', 'everysec', '--maxmemory-policy', 'allkeys-lru']

test('a server that keeps every write is not worth a line', { skip }, async (t) => {
  assert.deepEqual(await warnAbout(t, STRONG), [])
})

test('each setting that is too weak is named, with what it is and what it should be', { skip }, async (t) => {
  const lines = await warnAbout(t, WEAK)
  assert.deepEqual(
    lines.map(({ setting, actual, needed }) => ({ setting, actual, needed })),
    [
      { setting: 'appendonly', actual: 'no', needed: 'yes' },
      { setting: 'appendfsync', actual: 'everysec', needed: 'always' },
      { setting: 'maxmemory-policy', actual: 'allkeys-lru', needed: 'noeviction' },
    ],
  )
})

test(
  'a server that hides its settings, as hosted ones do, is a warning and no failure',
  { skip },
  async (t) => {
    const lines = await warnAbout(t, [...STRONG, '--rename-command', 'CONFIG', ''])
    assert.equal(lines.length, 1)
    assert.match(lines[0]?.msg ?? '', /does not show its settings.*appendfsync always/)
  },
)

test('a file that is not synced while it is rewritten is too weak', { skip }, async (t) => {
  const lines = await warnAbout(t, [...STRONG, '--no-appendfsync-on-rewrite', 'yes'])
  assert.deepEqual(
    lines.map(({ setting, actual, needed }) => ({ setting, actual, needed })),
    [{ setting: 'no-appendfsync-on-rewrite', actual: 'yes', needed: 'no' }],
  )
})

test('a replica is named', { skip }, async (t) => {
  const lines = await warnAbout(t, [...STRONG, '--replicaof', '127.0.0.1 1'])
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ['redis is a replica and takes no writes; REDIS_URL must lead to the master'],
  )
})

test('a connection that is lost while it looks is worth no line', { skip }, async (t) => {
  const { check, lines, redis } = await setUp(t, WEAK)
  await redis.ping()
  redis.disconnect()
  await check()
  assert.deepEqual(lines, [])
})

test('what was said is said again only after something has changed', { skip }, async (t) => {
  const { check, lines, redis } = await setUp(t, [...STRONG.slice(0, 4), '--maxmemory-policy', 'allkeys-lru'])
  await check()
  await check()
  assert.equal(lines.length, 1)
  await redis.config('SET', 'maxmemory-policy', 'noeviction')
  await check()
  assert.equal(lines.length, 1)
  await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
  await check()
  assert.equal(lines.length, 2)
})
