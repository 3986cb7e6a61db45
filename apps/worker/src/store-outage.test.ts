/** A store of the pictures that is away makes a worker wait; one picture that cannot be read makes only its own job wait. */
import { scrape } from '@menagerie/harness/metrics-text'
import { findFreePort, waitUntil } from '@menagerie/harness/processes'
import { readTestPicture } from '@menagerie/harness/pictures'
import { startStrictS3 } from '@menagerie/harness/strict-s3'
import { createKeys } from '@menagerie/shared/keys'
import { createFsUploadStore } from '@menagerie/shared/upload-store/fs-upload-store'
import { storeFolder } from '@menagerie/shared/upload-store/store-folder'
import { createWorkerRegistry } from '@menagerie/shared/worker-registry'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { UNREADABLE_RUNS_FIELD } from './store-outage.ts'
import { openTestQueue } from './testing/open-test-worker.ts'

const TTL_MS = 600_000

const openFsQueue = async (t: TestContext, prepare: (dir: string) => void = () => undefined) => {
  const parent = await mkdtemp(join(tmpdir(), 'menagerie-outage-'))
  const dir = join(parent, 'uploads')
  t.after(async () => {
    // Where the test has mounted something.
    spawnSync('umount', ['-l', dir])
    await rm(parent, { recursive: true, force: true })
  })
  await mkdir(dir)
  prepare(dir)
  const queue = await openTestQueue()
  t.after(() => queue.close())
  const folder = storeFolder(queue.env.REDIS_PREFIX)
  const store = createFsUploadStore({ dir, folder })
  const picture = await readTestPicture()
  await store.put(randomUUID(), picture, TTL_MS)
  const addJob = async (data = queue.makeData()) => {
    await store.put(data.upload.id ?? '', picture, TTL_MS)
    return queue.add(data, null)
  }
  return {
    ...queue,
    dir,
    store,
    addJob,
    takeAway: () => rename(dir, `${dir}-away`),
    bringBack: () => rename(`${dir}-away`, dir),
    openWorker: (changes: Record<string, string> = {}) =>
      queue.openWorker({ UPLOAD_STORE: 'fs', UPLOAD_DIR: dir, ...changes }),
    /** Puts something into the place of a picture that cannot be read. */
    async addUnreadable() {
      const data = queue.makeData()
      const id = data.upload.id ?? ''
      const path = join(dir, folder, id.slice(-2), id)
      await mkdir(path, { recursive: true })
      return {
        job: await queue.add(data, null),
        mend: async () => {
          await rmdir(path)
          await store.put(id, picture, TTL_MS)
        },
      }
    },
  }
}

test('jobs go back to their places while the store is away, and lose no attempt', async (t) => {
  const queue = await openFsQueue(t)
  const jobs = [await queue.addJob(), await queue.addJob(), await queue.addJob()]
  await queue.takeAway()
  const port = await findFreePort()
  const worker = await queue.openWorker({ JOB_CONCURRENCY: '2', PROBE_PORT: String(port) })
  t.after(() => worker.close())
  const readStoreUp = async () => (await scrape(`http://127.0.0.1:${port}`)).sum('menagerie_upload_store_up')
  const started = async () => (await queue.queue.getJob(jobs[0]?.id ?? ''))?.attemptsStarted ?? 0
  await waitUntil('the worker has tried', async () => (await started()) > 0)
  await waitUntil('all wait again', async () => (await queue.queue.getPrioritizedCount()) === jobs.length)
  assert.equal(await queue.queue.getDelayedCount(), 0)
  assert.equal(await readStoreUp(), 0)
  const registry = createWorkerRegistry({ redis: queue.redis, keys: createKeys(queue.env.REDIS_PREFIX) })
  const readState = async () => (await registry.listWorkers(queue.env['MODEL'] ?? ''))[0]?.state
  await waitUntil('the gateways know', async () => (await readState()) === 'failed')
  const readFailed = async () =>
    (await scrape(`http://127.0.0.1:${port}`)).sum('menagerie_worker_state', { state: 'failed' })
  assert.equal(await readFailed(), 1)
  await queue.bringBack()
  await waitUntil('it can be used again', async () => (await readStoreUp()) === 1)
  await waitUntil('the gateways know that', async () => (await readState()) === 'ready')
  for (const job of jobs) {
    assert.ok('value' in (await queue.outcomeOf(job)))
    const done = await queue.queue.getJob(job.id ?? '')
    assert.equal(done?.attemptsMade, 1)
    assert.equal(await queue.redis.hexists(queue.queue.toKey(job.id ?? ''), UNREADABLE_RUNS_FIELD), 0)
  }
})

test('a worker whose store is away stops in good order', async (t) => {
  const queue = await openFsQueue(t)
  const job = await queue.addJob()
  await queue.takeAway()
  const worker = await queue.openWorker()
  await waitUntil('it has tried', async () => {
    const tried = await queue.queue.getJob(job.id ?? '')
    return (tried?.attemptsStarted ?? 0) > 0 && (await queue.queue.getActiveCount()) === 0
  })
  await worker.close()
  assert.equal(await queue.queue.getPrioritizedCount(), 1)
})

test('one picture that cannot be read is put off, and those behind it get through', async (t) => {
  const queue = await openFsQueue(t)
  const { job, mend } = await queue.addUnreadable()
  const worker = await queue.openWorker({ JOB_CONCURRENCY: '1' })
  t.after(() => worker.close())
  await waitUntil('it is put off', async () => (await queue.queue.getDelayedCount()) === 1)
  assert.ok('value' in (await queue.outcomeOf(await queue.addJob())))
  await mend()
  assert.ok('value' in (await queue.outcomeOf(job)))
})

test('so it is while the disk is full: workers go on, which makes room', async (t) => {
  let isMounted = false
  const queue = await openFsQueue(t, (dir) => {
    isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir]).status === 0
  })
  if (!isMounted) return t.skip('a small file system cannot be mounted here: not root')
  await queue.addUnreadable()
  const job = await queue.addJob()
  await assert.rejects(writeFile(join(queue.dir, 'filler'), Buffer.alloc(2_000_000)), { code: 'ENOSPC' })
  const worker = await queue.openWorker({ JOB_CONCURRENCY: '1' })
  t.after(() => worker.close())
  await waitUntil('it is put off', async () => (await queue.queue.getDelayedCount()) === 1)
  assert.ok('value' in (await queue.outcomeOf(job)))
})

test('it fails when it could not be read for too long, and says why', async (t) => {
  const queue = await openFsQueue(t)
  const { job } = await queue.addUnreadable()
  // As if it had been tried that often.
  await queue.redis.hset(queue.queue.toKey(job.id ?? ''), UNREADABLE_RUNS_FIELD, 20)
  const worker = await queue.openWorker()
  t.after(() => worker.close())
  const outcome = await queue.outcomeOf(job)
  assert.ok('failed' in outcome)
  assert.match(outcome.failed, /^upload_store_unavailable: /)
})

const openS3Queue = async (t: TestContext) => {
  const s3 = await startStrictS3()
  t.after(() => s3.stop())
  const queue = await openTestQueue()
  t.after(() => queue.close())
  const picture = await readTestPicture()
  return {
    ...queue,
    s3,
    addJob: (bytes: Buffer | null = picture) => {
      const data = queue.makeData()
      const key = `${storeFolder(queue.env.REDIS_PREFIX)}/${data.upload.id}`
      if (bytes !== null) s3.objects.set(key, bytes)
      return queue.add(data, null)
    },
  }
}

test('an object that is missing is put off alone, also where the server says 403 of it', async (t) => {
  const queue = await openS3Queue(t)
  await queue.addJob(null)
  const worker = await queue.openWorker({ ...queue.s3.env, JOB_CONCURRENCY: '1' })
  t.after(() => worker.close())
  await waitUntil('it is put off', async () => (await queue.queue.getDelayedCount()) === 1)
  assert.ok('value' in (await queue.outcomeOf(await queue.addJob())))
})

test('a worker that stops does not wait for a store that does not answer', async (t) => {
  const queue = await openS3Queue(t)
  const job = await queue.addJob(null)
  queue.s3.silence('PUT')
  const worker = await queue.openWorker({ ...queue.s3.env, DRAIN_TIMEOUT: '100ms' })
  await waitUntil('it looks at the store, as it did at its start', () => queue.s3.countRequests('PUT') > 1)
  await worker.close()
  assert.equal(await job.getState(), 'prioritized')
})
