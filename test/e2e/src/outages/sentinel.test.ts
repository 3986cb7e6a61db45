/**
 * Guarantee: with Sentinel, a gateway and a worker follow the master to another server by themselves, also when the old
 * one does not die but hangs with their connections open. What the new master had received before goes on; what it had
 * not is outside of the promise, so here it has.
 */
import { findFreePort, waitUntil } from '@menagerie/harness/processes'
import { createLogger } from '@menagerie/shared/logger'
import { closeRedis, createConsumerRedis, createProducerRedis } from '@menagerie/shared/redis'
import { skipWithoutRedisServer } from '@menagerie/shared/testing/redis-process'
import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { countListeners, makeOwnServer, type OwnServer } from './own-server.ts'
import { openScene } from './scene.ts'
import { startSentinel } from './start-sentinel.ts'

/** Of a connection of ioredis. */
interface Inside {
  connector: { disconnect(): void }
  stream: Socket
}

const PASSWORD = 'p@ss/word'
const ROUNDS = [
  ['is killed', 'kill'],
  ['hangs', 'hang'],
] as const

test('a failover by Sentinel', { skip: skipWithoutRedisServer }, async (t) => {
  const servers = await Promise.all([0, 1, 2].map(() => makeOwnServer(t, { password: PASSWORD })))
  // Set afterwards: whether a server is there is asked without a password.
  const start = async (server: OwnServer): Promise<void> => {
    await server.start()
    await server.admin.config('SET', 'masterauth', PASSWORD)
    await server.admin.config('SET', 'requirepass', PASSWORD)
  }
  for (const server of servers) await start(server)
  const [first] = servers
  for (const { admin } of servers.slice(1)) await admin.replicaof('127.0.0.1', first?.port ?? 0)
  const ports = [await findFreePort(), await findFreePort()]
  for (const port of ports) await startSentinel(t, { port, master: first?.port ?? 0, password: PASSWORD })

  const sentinel = new Redis({ port: ports[0] ?? 0, maxRetriesPerRequest: null })
  t.after(() => sentinel.disconnect())
  const findMaster = async () => {
    const [, port] = (await sentinel.call('SENTINEL', 'get-master-addr-by-name', 'mymaster')) as string[]
    const master = servers.find((server) => server.port === Number(port))
    if (master === undefined) throw new Error(`no server has port ${port}`)
    return master
  }
  await waitUntil('both replicas are known', async () => {
    const replicas = (await sentinel.call('SENTINEL', 'REPLICAS', 'mymaster')) as unknown[]
    return replicas.length === 2
  })
  await waitUntil('the sentinels know each other', async () => {
    const others = (await sentinel.call('SENTINEL', 'SENTINELS', 'mymaster')) as unknown[]
    return others.length === 1
  })

  const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',')
  const url = `redis-sentinel://:${encodeURIComponent(PASSWORD)}@${hosts}/mymaster`
  const scene = await openScene(
    t,
    { REDIS_URL: url },
    { mustBeReady: true, countListeners: async () => countListeners((await findMaster()).admin) },
  )

  await t.test('it is announced while a connection asks who the master is', async () => {
    const log = createLogger({ service: 'test', level: 'silent' })
    for (const create of [createProducerRedis, createConsumerRedis]) {
      const redis = create({ url, name: 'test', log })
      const copy = (redis as Redis).duplicate()
      for (const connection of [redis, copy]) {
        const isReady = () => connection.status === 'ready'
        await waitUntil('it is ready', isReady)
        connection.on('error', () => undefined)
        const endOnce = () => new Promise((resolve) => connection.once('end', resolve))
        const comesBack = async () => {
          const ended = endOnce()
          // What the detector of failovers does when it hears of one. To be heard at this moment takes luck.
          const { connector, stream } = connection as unknown as Inside
          connection.once('connecting', () => connector.disconnect())
          stream.destroy()
          await ended
          await waitUntil('it is ready again', isReady)
          assert.equal(await connection.ping(), 'PONG')
        }
        await comesBack()
        // Also once it was ended on purpose, and opened again.
        const ended = endOnce()
        connection.disconnect()
        await ended
        await connection.connect()
        await comesBack()
        await closeRedis(connection)
        await waitUntil('it has ended', () => connection.status === 'end')
      }
    }
  })

  for (const [what, how] of ROUNDS) {
    await t.test(`the master ${what}`, async () => {
      const old = await findMaster()
      const ids = await scene.submit(8)
      await old.admin.wait(1, 30_000)
      await (how === 'kill' ? old.kill() : old.signal('SIGSTOP'))
      await waitUntil('there is another master', async () => (await findMaster()) !== old)
      await scene.expectRecovery(ids)
      await (how === 'kill' ? start(old) : old.signal('SIGCONT'))
    })
  }
})
