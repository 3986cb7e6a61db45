/**
 * Guarantee: while Redis is there and refuses to serve, a gateway answers 503 with Retry-After and a worker waits, or
 * goes on where it can; both say so on /readyz, neither floods its log, and both go on by themselves with all that was
 * accepted.
 */
import { findFreePort, waitUntil } from '@menagerie/harness/processes'
import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countListeners, makeOwnServer } from './own-server.ts'
import { openScene } from './scene.ts'

const PASSWORD = 'a-password'
// At 50 ms each, longer than any outage here.
const KEYS_TO_LOAD = 2000

test('a server that refuses', async (t) => {
  const server = await makeOwnServer(t, { password: PASSWORD })
  const { admin } = server
  await server.start()
  const dropClients = async (): Promise<void> => {
    for (const type of ['normal', 'pubsub']) await admin.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')
  }
  const askForPassword = async (): Promise<void> => {
    await admin.config('SET', 'requirepass', PASSWORD)
    await dropClients()
  }
  const askForNone = () => admin.config('SET', 'requirepass', '')

  await askForPassword()
  const scene = await openScene(
    t,
    { REDIS_URL: server.url },
    { mustBeReady: false, countListeners: () => countListeners(admin) },
  )

  await t.test('because it asks for a password when they start, and for none later', async () => {
    await scene.endure('queue_unavailable')
    await askForNone()
    await scene.expectRecovery([])
  })

  await t.test('because it asks for a password for a while', () =>
    scene.goThrough({ begin: askForPassword, end: askForNone }),
  )

  await t.test('because it is full: the worker goes on, and somebody makes room', () =>
    scene.goThrough({
      // A worker that has no job cannot take one any more; one that has goes from job to job.
      begin: async (ids) => {
        await scene.waitForBeginning(ids)
        await admin.config('SET', 'maxmemory', '1mb')
      },
      end: async (ids) => {
        await scene.expectSuccess(ids)
        await admin.config('SET', 'maxmemory', '0')
      },
      code: 'queue_full',
    }),
  )

  await t.test('because it is a replica for a while', async () => {
    // Of nobody: it would throw its own data away for a master's.
    const port = await findFreePort()
    await scene.goThrough({
      begin: () => admin.replicaof('127.0.0.1', port),
      end: () => admin.replicaof('NO', 'ONE'),
    })
  })

  await t.test('because it loads a large file', async () => {
    const pipeline = admin.pipeline()
    for (let i = 0; i < KEYS_TO_LOAD; i++) pipeline.set(`other:${i}`, 'x'.repeat(2000))
    await pipeline.exec()
    // Only while it loads the base of the append-only file, a snapshot, does Redis answer after each few keys.
    await admin.bgrewriteaof()
    await waitUntil('the file is rewritten', async () =>
      /aof_rewrite_in_progress:0[^]*aof_rewrite_scheduled:0/.test(await admin.info('persistence')),
    )
    let starting: Promise<void> | undefined
    await scene.goThrough({
      begin: async () => {
        await server.kill()
        starting = server.start([
          '--key-load-delay',
          '50000',
          '--loading-process-events-interval-bytes',
          '1024',
        ])
      },
      end: async () => {
        const impatient = new Redis({
          port: server.port,
          enableReadyCheck: false,
          maxRetriesPerRequest: null,
        })
        assert.match(await impatient.info('persistence'), /^loading:1/m)
        await impatient.config('SET', 'key-load-delay', '0')
        impatient.disconnect()
        await starting
      },
    })
  })
})
