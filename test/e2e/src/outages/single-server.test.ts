/**
 * Guarantee: whatever one Redis server does to them, a gateway answers 503 with Retry-After, a worker waits, both say
 * so on /readyz, neither floods its log, and both go on by themselves; what was accepted before succeeds.
 */
import { findFreePort } from '@menagerie/harness/processes'
import { startTestRedis, type TestRedis } from '@menagerie/harness/redis'
import { Redis } from 'ioredis'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openScene } from './scene.ts'

test('outages of one server', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-outages-'))
  const port = await findFreePort()
  let server: TestRedis | undefined
  const admin = new Redis({ port, lazyConnect: true, maxRetriesPerRequest: null, retryStrategy: () => 100 })
  admin.on('error', () => undefined)
  t.after(async () => {
    admin.disconnect()
    server?.kill('SIGCONT')
    await server?.stop()
    await rm(dir, { recursive: true, force: true })
  })
  const startServer = async (): Promise<void> => {
    server = await startTestRedis({ durable: true, dir, port, extraArgs: ['--enable-debug-command', 'local'] })
  }
  const killServer = async (): Promise<void> => {
    server?.kill('SIGKILL')
    await server?.exited
  }

  const scene = await openScene(t, { REDIS_URL: `redis://127.0.0.1:${port}` }, { mustBeReady: false })

  await t.test('it is not there when they start', async () => {
    await scene.endure('queue_unavailable')
    await startServer()
    await scene.expectRecovery([])
  })

  await t.test('it is killed, and comes back', () =>
    scene.goThrough({ begin: killServer, end: startServer }),
  )

  await t.test('it hangs, and goes on', () =>
    scene.goThrough({
      begin: async () => server?.kill('SIGSTOP'),
      end: async () => server?.kill('SIGCONT'),
    }),
  )

  await t.test('it is full, and somebody makes room', () =>
    scene.goThrough({
      begin: () => admin.config('SET', 'maxmemory', '1mb'),
      end: () => admin.config('SET', 'maxmemory', '0'),
      code: 'queue_full',
    }),
  )

  await t.test('it becomes a replica, and a master again', async (t) => {
    const other = await startTestRedis()
    t.after(() => other.stop())
    // Nobody is there to copy: a replica of a living server would throw its own data away.
    await other.stop()
    await scene.goThrough({
      begin: () => admin.replicaof('127.0.0.1', other.port),
      end: () => admin.replicaof('NO', 'ONE'),
    })
  })

  await t.test('it asks for a password that they do not have', async () => {
    await scene.goThrough({
      begin: async () => {
        await admin.config('SET', 'requirepass', 'a-password')
        await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
        await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
      },
      end: () => admin.config('SET', 'requirepass', ''),
    })
  })
})
