/** A store of the pictures that is away makes a worker wait; one picture that cannot be read makes only its own job wait. */
import { waitUntil } from '@menagerie/harness/processes'
import { readTestPicture } from '@menagerie/harness/pictures'
import { createFsUploadStore } from '@menagerie/shared/upload-store/fs-upload-store'
import { storeFolder } from '@menagerie/shared/upload-store/store-folder'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rename, rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { UNREADABLE_RUNS_FIELD } from './store-outage.ts'
import { openTestQueue } from './testing/open-test-worker.ts'

const TTL_MS = 600_000

const openFsQueue = async (t: TestContext) => {
  const parent = await mkdtemp(join(tmpdir(), 'menagerie-outage-'))
  t.after(() => rm(parent, { recursive: true, force: true }))
  const dir = join(parent, 'uploads')
  await mkdir(dir)
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
  const worker = await queue.openWorker({ JOB_CONCURRENCY: '2' })
  t.after(() => worker.close())
  const started = async () => (await queue.queue.getJob(jobs[0]?.id ?? ''))?.attemptsStarted ?? 0
  await waitUntil('the worker has tried', async () => (await started()) > 0)
  await waitUntil('all wait again', async () => (await queue.queue.getPrioritizedCount()) === jobs.length)
  assert.equal(await queue.queue.getDelayedCount(), 0)
  await queue.bringBack()
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
