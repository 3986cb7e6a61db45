import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { RegisteredModel, WorkerHeartbeat } from '@menagerie/contract/registry'
import { createKeys } from './keys.ts'
import { useTestRedis } from './testing/test-redis.ts'
import { createWorkerRegistry, HEARTBEAT_INTERVAL_MS } from './worker-registry.ts'

const { redis, prefix } = useTestRedis(process.env)

/** A registry that no other test writes to. */
const setUp = () => {
  const keys = createKeys(`${prefix}:${randomUUID()}`)
  return { keys, registry: createWorkerRegistry({ redis, keys }) }
}

const makeHeartbeat = (fields: Partial<WorkerHeartbeat>): WorkerHeartbeat => ({
  id: 'w1',
  model: 'm',
  digest: 'sha256:00',
  state: 'ready',
  threads: 2,
  service_ms: 66.2,
  rss_bytes: 1,
  jobs: 0,
  started_at: '2026-11-22T00:00:00.000Z',
  ...fields,
})

const makeModel = (name: string): RegisteredModel => ({
  name,
  description: 'a model',
  digest: 'sha256:00',
  trained: true,
  animals_only: false,
  fingerprint: '00',
  input: {
    layout: 'NCHW',
    channels: 'RGB',
    resize: 256,
    crop: 224,
    interpolation: 'bilinear',
    scale: 1 / 255,
    mean: [0, 0, 0],
    std: [1, 1, 1],
  },
  labels: [['n01440764', 'tench']],
})

const byId = (a: WorkerHeartbeat, b: WorkerHeartbeat): number => a.id.localeCompare(b.id)

test('the list has the last heartbeat of each worker of the model, and of no other', async () => {
  const { registry } = setUp()
  await registry.beat(makeHeartbeat({ id: 'w1', state: 'starting' }))
  await registry.beat(makeHeartbeat({ id: 'w1', jobs: 7 }))
  await registry.beat(makeHeartbeat({ id: 'w2' }))
  await registry.beat(makeHeartbeat({ id: 'w3', model: 'other' }))
  assert.deepEqual((await registry.listWorkers('m')).toSorted(byId), [
    makeHeartbeat({ id: 'w1', jobs: 7 }),
    makeHeartbeat({ id: 'w2' }),
  ])
  assert.deepEqual(await registry.listWorkers('unknown'), [])
})

test('a heartbeat outlives the next two, and not for ever', async () => {
  const { keys, registry } = setUp()
  await registry.beat(makeHeartbeat({}))
  const ttlMs = await redis.pttl(keys.worker('w1'))
  assert.ok(ttlMs > 2 * HEARTBEAT_INTERVAL_MS && ttlMs <= 4 * HEARTBEAT_INTERVAL_MS, `${ttlMs} ms`)
})

test('a worker that leaves is off the list at once', async () => {
  const { registry } = setUp()
  await registry.beat(makeHeartbeat({ id: 'w1' }))
  await registry.beat(makeHeartbeat({ id: 'w2' }))
  await registry.leave({ id: 'w1', model: 'm' })
  assert.deepEqual(await registry.listWorkers('m'), [makeHeartbeat({ id: 'w2' })])
})

test('a worker whose heartbeat has expired is off the list, and its id is forgotten', async () => {
  const { keys, registry } = setUp()
  await registry.beat(makeHeartbeat({ id: 'dead' }))
  await registry.beat(makeHeartbeat({ id: 'alive' }))
  await redis.del(keys.worker('dead'))
  assert.deepEqual(await registry.listWorkers('m'), [makeHeartbeat({ id: 'alive' })])
  assert.deepEqual(await redis.smembers(keys.workers('m')), ['alive'])

  await registry.beat(makeHeartbeat({ id: 'dead' }))
  assert.equal((await registry.listWorkers('m')).length, 2)
})

test('a heartbeat of another form is passed over', async () => {
  const { keys, registry } = setUp()
  await registry.beat(makeHeartbeat({ id: 'ours' }))
  await redis.set(keys.worker('theirs'), JSON.stringify({ id: 'theirs', model: 'm' }))
  await redis.sadd(keys.workers('m'), 'theirs')
  assert.deepEqual(await registry.listWorkers('m'), [makeHeartbeat({ id: 'ours' })])
})

test('a model is listed once, as it was last registered, even without a worker', async () => {
  const { keys, registry } = setUp()
  assert.deepEqual(await registry.listModels(), [])
  await registry.registerModel({ ...makeModel('m'), digest: 'sha256:old' })
  await registry.registerModel(makeModel('m'))
  await redis.hset(keys.models, 'of-another-form', JSON.stringify({ name: 'of-another-form' }))
  assert.deepEqual(await registry.listModels(), [makeModel('m')])
})
