import { createKeys } from '@menagerie/shared/keys'
import { createWorkerRegistry } from '@menagerie/shared/worker-registry'
import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openTestQueue } from './testing/open-test-worker.ts'

type TestQueue = Awaited<ReturnType<typeof openTestQueue>>
let queue: TestQueue

before(async () => {
  queue = await openTestQueue()
})
after(() => queue.close())

const registryOf = ({ redis, env }: TestQueue) =>
  createWorkerRegistry({ redis, keys: createKeys(env.REDIS_PREFIX) })

test('a worker registers itself and its model, and leaves the list when it stops', async () => {
  const worker = await queue.openWorker()
  const registry = registryOf(queue)
  const [heartbeat] = await registry.listWorkers(queue.env['MODEL'] ?? '')
  assert.equal(heartbeat?.id, worker.id)
  assert.equal(heartbeat?.state, 'ready')
  assert.equal(heartbeat?.threads, 1)
  assert.ok((heartbeat?.service_ms ?? 0) > 0)
  const [model] = await registry.listModels()
  assert.equal(model?.labels.length, 1000)
  assert.equal(model?.animals_only, false)
  assert.match(model?.fingerprint ?? '', /^[0-9a-f]{64}$/)
  await worker.close()
  assert.deepEqual(await registry.listWorkers(queue.env['MODEL'] ?? ''), [])
  // The model stays: predictions that ended can still be named.
  assert.equal((await registry.listModels()).length, 1)
})

test('in latency mode a worker has one session, whatever the cores, and says that it runs one at a time', async () => {
  const started: unknown[] = []
  const note = (thread: unknown) => started.push(thread)
  process.on('worker', note)
  const worker = await queue.openWorker({ INFERENCE_MODE: 'latency', INFERENCE_THREADS: '2' })
  process.off('worker', note)
  assert.equal(started.length, 1)
  const [heartbeat] = await registryOf(queue).listWorkers(queue.env['MODEL'] ?? '')
  assert.equal(heartbeat?.threads, 1)
  assert.ok('value' in (await queue.outcomeOf(await queue.add(queue.makeData()))))
  await worker.close()
})

test('a worker holds as many jobs as JOB_CONCURRENCY says', async () => {
  const jobs = await Promise.all(Array.from({ length: 30 }, () => queue.add(queue.makeData())))
  const worker = await queue.openWorker({ JOB_CONCURRENCY: '7' })
  let held = 0
  const sample = async () => (held = Math.max(held, await queue.queue.getActiveCount()))
  await waitUntil('seven jobs are held', async () => (await sample()) >= 7)
  for (const job of jobs) {
    await sample()
    assert.ok('value' in (await queue.outcomeOf(job)))
  }
  assert.equal(held, 7)
  await worker.close()
})

test('closing finishes what is running when there is time', async () => {
  const worker = await queue.openWorker()
  const data = [queue.makeData(), queue.makeData()]
  const jobs = await Promise.all(data.map((one) => queue.add(one)))
  await waitUntil('a job is running', async () => (await queue.queue.getActiveCount()) > 0)
  await worker.close()
  assert.equal(await queue.queue.getActiveCount(), 0)
  const second = await queue.openWorker()
  for (const job of jobs) assert.ok('value' in (await queue.outcomeOf(job)))
  await second.close()
  // Closing lets the last commands through.
  for (const { upload } of data) assert.equal(await queue.uploads.get(upload.id ?? ''), null)
})

test('closing without time hands running jobs back, without an attempt or a stall', async () => {
  const worker = await queue.openWorker({ DRAIN_TIMEOUT: '0s' })
  const jobs = await Promise.all(Array.from({ length: 40 }, () => queue.add(queue.makeData())))
  await waitUntil('a job is running', async () => (await queue.queue.getActiveCount()) > 0)
  await worker.close()
  assert.equal(await queue.queue.getActiveCount(), 0)
  const second = await queue.openWorker()
  for (const job of jobs) {
    assert.ok('value' in (await queue.outcomeOf(job)))
    const stored = await queue.queue.getJob(job.id ?? '')
    assert.ok((stored?.attemptsMade ?? 0) <= 1)
    assert.ok((stored?.stalledCounter ?? 0) === 0)
  }
  await second.close()
})

test('a model that cannot be had is a clear error', async () => {
  await assert.rejects(
    queue.openWorker({
      MODEL: 'densenet-121',
      MODEL_DIR: '/nonexistent',
      MODEL_CACHE_DIR: '/nonexistent-cache',
      MODEL_DOWNLOAD: '0',
      ALLOW_STAND_IN: '0',
    }),
    /densenet-121/,
  )
})
