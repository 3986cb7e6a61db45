/**
 * Guarantee: on a Redis Cluster of three masters everything works that works on one server, and the node that owns the
 * queue may die and come back, or hang and go on: a gateway answers 503 with Retry-After, a worker waits, and both go
 * on by themselves with all that was accepted.
 */
import { findFreePort, waitUntil } from '@menagerie/harness/processes'
import { scrape } from '@menagerie/harness/metrics-text'
import { skipWithoutRedisServer } from '@menagerie/shared/testing/redis-process'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countListeners, makeOwnServer } from './own-server.ts'
import { openScene } from './scene.ts'

const PREFIX = '{menagerie}'
const SLOTS = [
  [0, 5460],
  [5461, 10_922],
  [10_923, 16_383],
] as const

test('a cluster', { skip: skipWithoutRedisServer }, async (t) => {
  const nodes = await Promise.all(
    SLOTS.map(async () => {
      const busPort = String(await findFreePort())
      const args = ['--cluster-enabled', 'yes', '--cluster-port', busPort, '--cluster-node-timeout', '1000']
      return { busPort, ...(await makeOwnServer(t, { args })) }
    }),
  )
  for (const node of nodes) await node.start()
  for (const [i, { admin }] of nodes.entries()) {
    await admin.cluster('ADDSLOTSRANGE', ...(SLOTS[i] ?? [0, 0]))
    for (const { port, busPort } of nodes.slice(0, i)) await admin.cluster('MEET', '127.0.0.1', port, busPort)
  }
  const isWhole = async (): Promise<boolean> => {
    const infos = await Promise.all(nodes.map(({ admin }) => admin.cluster('INFO')))
    return infos.every((info) => /cluster_state:ok[^]*cluster_known_nodes:3/.test(info))
  }
  await waitUntil('the cluster is whole', isWhole)

  const [first] = nodes
  if (first === undefined) throw new Error('there is no node')
  const slot = await first.admin.cluster('KEYSLOT', PREFIX)
  const owner = nodes[SLOTS.findIndex(([from, to]) => slot >= from && slot <= to)] ?? first
  const others = nodes.filter((node) => node !== owner)

  const scene = await openScene(
    t,
    {
      REDIS_URL: `redis-cluster://127.0.0.1:${others.map(({ port }) => port).join(',127.0.0.1:')}`,
      REDIS_PREFIX: PREFIX,
    },
    {
      mustBeReady: true,
      // On whichever node it has chosen.
      countListeners: async () => {
        const counts = await Promise.all(nodes.map(({ admin }) => countListeners(admin, PREFIX)))
        return counts.reduce((sum, count) => sum + count, 0)
      },
    },
  )

  await t.test('serves', () => scene.expectRecovery([]))

  await t.test('tells of its queues', async () => {
    const { sum } = await scrape(scene.gateway.url)
    assert.equal(sum('menagerie_redis_up'), 1)
    assert.equal(sum('menagerie_workers', { state: 'ready' }), 1)
  })

  await t.test('whose node with the queue is killed, and comes back', () =>
    scene.goThrough({ begin: owner.kill, end: () => owner.start() }),
  )

  await t.test('whose node with the queue hangs, and goes on', () =>
    scene.goThrough({ begin: () => owner.signal('SIGSTOP'), end: () => owner.signal('SIGCONT') }),
  )

  await t.test('whose nodes are all killed, and come back', () =>
    scene.goThrough({
      begin: () => Promise.all(nodes.map((node) => node.kill())),
      end: () => Promise.all(nodes.map((node) => node.start())),
    }),
  )
})
