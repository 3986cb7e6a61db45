import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { Redis } from 'ioredis'
import { findFreePort } from './free-port.ts'
import { pingRedis } from './ping-redis.ts'
import { startRedisServer } from './redis-server.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'launcher-redis-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const withClient = async <T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> => {
  const redis = new Redis(url)
  try {
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}

const readConfig = (url: string, name: string): Promise<unknown> =>
  withClient(url, async (redis) => {
    const pair: unknown = await redis.config('GET', name)
    assert.ok(Array.isArray(pair))
    return pair[1]
  })

test('a durable server syncs every write, evicts nothing and takes no snapshots', async () => {
  const server = await startRedisServer({ dir, durable: true })
  try {
    const settings = {
      appendonly: 'yes',
      appendfsync: 'always',
      'maxmemory-policy': 'noeviction',
      save: '',
      bind: '127.0.0.1',
      dir,
    }
    for (const [name, value] of Object.entries(settings)) {
      assert.equal(await readConfig(server.url, name), value, name)
    }
  } finally {
    await server.stop()
  }
})

test('a server that is not durable writes nothing', async () => {
  const server = await startRedisServer({ dir, durable: false, extraArgs: ['--maxmemory', '64mb'] })
  try {
    assert.equal(await readConfig(server.url, 'appendonly'), 'no')
    assert.equal(await readConfig(server.url, 'save'), '')
    assert.equal(await readConfig(server.url, 'maxmemory'), String(64 * 1024 * 1024))
  } finally {
    await server.stop()
  }
})

test('stop ends the process', async () => {
  const server = await startRedisServer({ dir, durable: false })
  await server.stop()
  assert.deepEqual(await server.exited, { code: 0, signal: null })
  await assert.rejects(pingRedis(server.url), /does not answer: connect ECONNREFUSED/)
})

test('what a durable server acknowledged is there after kill -9, on the same port', async () => {
  const first = await startRedisServer({ dir, durable: true })
  await withClient(first.url, (redis) => redis.set('key', 'kept'))
  first.kill('SIGKILL')
  assert.deepEqual(await first.exited, { code: null, signal: 'SIGKILL' })

  const second = await startRedisServer({ dir, durable: true, port: first.port })
  try {
    assert.equal(await withClient(second.url, (redis) => redis.get('key')), 'kept')
    assert.equal(second.url, first.url)
  } finally {
    await second.stop()
  }
})

test("the error of a failed start has the server's own words", async () => {
  await assert.rejects(
    startRedisServer({ dir, durable: false, extraArgs: ['--no-such-setting', '1'] }),
    (err: Error) => {
      assert.match(err.message, /^Redis did not start \(exit code 1\)/)
      assert.match(err.message, /no-such-setting/)
      return true
    },
  )
})

test('a port that another server has is an error, not that server', async () => {
  const other = await startRedisServer({ dir, durable: false, port: await findFreePort() })
  try {
    await assert.rejects(
      startRedisServer({ dir: join(dir, 'second'), durable: false, port: other.port }),
      new RegExp(`Port ${other.port} cannot be used: another program has it`),
    )
  } finally {
    await other.stop()
  }
})
