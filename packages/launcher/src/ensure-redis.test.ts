import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { Redis } from 'ioredis'
import { ensureRedis } from './ensure-redis.ts'
import { findFreePort } from './free-port.ts'
import { pingRedis } from './ping-redis.ts'
import { startRedisServer } from './redis-server.ts'
import { ensureWebhookSecret } from './webhook-secret.ts'

let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'launcher-ensure-'))
  await mkdir(join(dataDir, 'logs'))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

test('a REDIS_URL that answers is used, and left running', async () => {
  const server = await startRedisServer({ dir: join(dataDir, 'theirs'), durable: false })
  const redis = await ensureRedis({ redisUrl: server.url, dataDir, log: () => {} })
  assert.equal(redis.url, server.url)
  await redis.stop()
  await pingRedis(server.url)
  await server.stop()
})

test('a REDIS_URL that does not answer is an error without its password', async () => {
  const redisUrl = `redis://user:secret@127.0.0.1:${await findFreePort()}`
  await assert.rejects(ensureRedis({ redisUrl, dataDir, log: () => {} }), (err: Error) => {
    assert.match(err.message, /redis:\/\/user:\*\*\*@127\.0\.0\.1:\d+ does not answer: connect ECONNREFUSED/)
    assert.match(err.message, /Check REDIS_URL/)
    return true
  })
})

test('a private Redis that is killed comes back on its port with its data', async () => {
  const starts = new EventEmitter()
  const pids: number[] = []
  const lines: string[] = []
  const onStart = (pid: number): void => {
    pids.push(pid)
    starts.emit('start')
  }
  const server = await ensureRedis({ dataDir, log: (line) => lines.push(line), onStart })
  const redis = new Redis(server.url)
  redis.on('error', () => {})
  try {
    await redis.set('key', 'kept')
    const restarted = once(starts, 'start')
    assert.ok(pids[0])
    process.kill(pids[0], 'SIGKILL')
    await restarted
    assert.equal(await redis.get('key'), 'kept')
    assert.match(lines.join('\n'), /^redis died \(signal SIGKILL\)/)
  } finally {
    redis.disconnect()
    await server.stop()
  }
  await assert.rejects(pingRedis(server.url))
  assert.ok((await readdir(join(dataDir, 'redis'))).includes('appendonlydir'))
})

test('the webhook secret is made once, for its owner only', async () => {
  const path = join(dataDir, 'webhook-secret')
  const secret = await ensureWebhookSecret(path)
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  assert.equal(await ensureWebhookSecret(path), secret)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
})
