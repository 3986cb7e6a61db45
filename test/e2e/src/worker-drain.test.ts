// SIGTERM loses nothing and delays nothing: the worker is not ready at once, takes nothing new, hands back what it cannot
// finish in time without using up an attempt, and exits 0; another worker goes on. A second signal ends it now.
import { predictQueueName } from '@menagerie/contract/job'
import { OPEN_RUNS_FIELD } from '@menagerie/contract/job-record'
import { startOtlpReceiver } from '@menagerie/harness/otlp-receiver'
import { makeJpeg, readTestPicture } from '@menagerie/harness/pictures'
import { isReady, startWorker, waitUntil, type AppProcess } from '@menagerie/harness/processes'
import { jobKey } from '@menagerie/shared/keys'
import { Redis } from 'ioredis'
import type { Prediction } from '@menagerie/contract/prediction'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startService } from './service.ts'

const JOBS = 60

for (const drainTimeout of ['20s', '0s']) {
  test(`SIGTERM under load with DRAIN_TIMEOUT=${drainTimeout}`, async (t) => {
    const service = await startService(t)
    const worker = await service.startWorker({ INFERENCE_THREADS: '1', DRAIN_TIMEOUT: drainTimeout })
    const picture = await readTestPicture()
    const ids = (await Promise.all(Array.from({ length: JOBS }, () => service.submit(picture)))).map(
      ({ id }) => id,
    )
    await waitUntil('one is being processed', async () =>
      (await Promise.all(ids.map((id) => service.read(id)))).some(({ status }) => status === 'processing'),
    )
    assert.equal(await worker.stop(), 0, worker.log())
    const begun = await Promise.all(ids.map((id) => service.read(id)))
    assert.ok(
      begun.some(({ status }) => status !== 'succeeded'),
      'some were left for the next worker',
    )

    const second = await service.startWorker()
    const ended = await service.waitForAll(ids)
    assert.ok(ended.every(({ status }) => status === 'succeeded'))
    assert.equal(await second.stop(), 0, second.log())
  })
}

/** What BullMQ and we have noted of a prediction. */
const openNotes = (t: TestContext, url: string, model: string) => {
  const redis = new Redis(url)
  t.after(() => redis.disconnect())
  const keyOf = (name: string): string => jobKey('menagerie', predictQueueName(model), name)
  return {
    redis,
    keyOf,
    countHeld: () => redis.llen(keyOf('active')),
    listWaiting: () => redis.zrange(keyOf('prioritized'), '0', '-1'),
    read: async (id: string) => {
      const [attempts, stalls, openRuns] = await redis.hmget(keyOf(id), 'atm', 'stc', OPEN_RUNS_FIELD)
      return { attempts, stalls, openRuns }
    },
  }
}

test('what waits in the worker for its turn, or for a slot to be decoded, is handed back too', async (t) => {
  const HELD = 12
  const service = await startService(t)
  const second = await service.startWorker()
  // It shall take nothing before the first has handed back.
  await second.kill('SIGSTOP')
  // Large, so that most of them wait while a few are decoded.
  const picture = await makeJpeg({ width: 7000, height: 7000 })
  const accepted: Prediction[] = []
  for (let i = 0; i < HELD; i++) accepted.push(await service.submit(picture))
  const notes = openNotes(t, service.redis.url, accepted[0]?.model.name ?? '')
  // As if a worker had died with them before: they run one at a time.
  const suspects = accepted.slice(HELD / 2).map(({ id }) => id)
  for (const id of suspects) await notes.redis.hset(notes.keyOf(id), 'stc', 1)

  const first = await service.startWorker({ DRAIN_TIMEOUT: '0s', JOB_CONCURRENCY: String(HELD) })
  await waitUntil('it holds them all', async () => (await notes.countHeld()) === HELD)
  assert.equal(await first.stop(), 0, first.log())
  const waiting = await notes.listWaiting()
  assert.ok(waiting.length > HELD / 2, `${waiting.length} were handed back`)
  const ids = accepted.map(({ id }) => id)
  assert.deepEqual(
    waiting,
    ids.filter((id) => waiting.includes(id)),
  )

  await second.kill('SIGCONT')
  const ended = await service.waitForAll(ids)
  assert.deepEqual(
    ended.map(({ status }) => status),
    ids.map(() => 'succeeded'),
  )
  for (const id of ids) {
    // A run that was handed back has been closed; the one that succeeded needs no note.
    const expected = { attempts: '1', stalls: suspects.includes(id) ? '1' : null, openRuns: '1' }
    assert.deepEqual(await notes.read(id), expected)
  }
  assert.equal(await second.stop(), 0, second.log())
})

test('it is not ready and takes nothing new while it finishes what it has; a second SIGTERM ends it now', async (t) => {
  const service = await startService(t)
  const picture = await makeJpeg({ width: 6000, height: 4000 })
  const worker = await service.startWorker({ DRAIN_TIMEOUT: '1h', JOB_CONCURRENCY: '100' })
  const ids = (await Promise.all(Array.from({ length: 60 }, () => service.submit(picture)))).map(
    ({ id }) => id,
  )
  worker.child.kill('SIGTERM')
  await waitUntil('it is not ready', async () => !(await isReady(worker.url)))
  const late = await service.submit(picture)
  await worker.kill('SIGTERM')
  assert.equal(worker.child.signalCode, 'SIGKILL', worker.log())
  const left = await Promise.all(ids.map((id) => service.read(id)))
  assert.ok(
    left.some(({ status }) => status === 'processing'),
    'it was in the middle of something',
  )
  assert.equal((await service.read(late.id)).status, 'queued')
})

/** Waits until the worker logs this; without polling, as what follows may be a matter of milliseconds. */
const waitForLine = (worker: AppProcess, text: string): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (worker.log().includes(text)) resolve()
    }
    worker.child.stdout?.on('data', look)
    look()
  })

/** A worker in the middle of loading its model, with a prediction waiting for it. */
const startLoading = async (t: TestContext) => {
  const service = await startService(t)
  const { id } = await service.submit(await readTestPicture())
  const worker = await startWorker({ ...service.env, INFERENCE_THREADS: '1' }, { mustBeReady: false })
  t.after(() => worker.kill('SIGKILL'))
  await waitForLine(worker, 'model found')
  return { service, worker, id }
}

test('SIGTERM while the model loads: it never begins to take jobs, and exits 0', async (t) => {
  const { service, worker, id } = await startLoading(t)
  assert.equal(await worker.stop(), 0, worker.log())
  assert.equal((await service.read(id)).status, 'queued')
  assert.doesNotMatch(worker.log(), /"msg":"ready"/)
})

test('a second SIGTERM ends it now also while the model loads', async (t) => {
  const { worker } = await startLoading(t)
  worker.child.kill('SIGTERM')
  await waitForLine(worker, 'stopping')
  await worker.kill('SIGTERM')
  assert.equal(worker.child.signalCode, 'SIGKILL', worker.log())
})

test('SIGTERM while Redis has never been there exits 0', async (t) => {
  const service = await startService(t)
  service.redis.kill('SIGKILL')
  await service.redis.exited
  const worker = await startWorker({ ...service.env, INFERENCE_THREADS: '1' }, { mustBeReady: false })
  t.after(() => worker.kill('SIGKILL'))
  await waitUntil('it misses Redis', () => worker.log().includes('redis connection error'))
  assert.equal(await worker.stop(), 0, worker.log())
})

/** A worker in the middle of runs, with a span to send to a collector that never answers. */
const startBusy = async (t: TestContext) => {
  const collector = await startOtlpReceiver({ answer: () => null })
  t.after(() => collector.stop())
  const service = await startService(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  const worker = await service.startWorker({
    INFERENCE_THREADS: '1',
    DRAIN_TIMEOUT: '0s',
    JOB_CONCURRENCY: '12',
  })
  const { id } = await service.submit(await readTestPicture())
  await service.waitForAll([id])
  const picture = await makeJpeg({ width: 7000, height: 7000 })
  const ids = (await Promise.all(Array.from({ length: 12 }, () => service.submit(picture)))).map(
    ({ id }) => id,
  )
  await waitUntil('one is being processed', async () =>
    (await Promise.all(ids.map((id) => service.read(id)))).some(({ status }) => status === 'processing'),
  )
  return { redis: service.redis, worker }
}

test('SIGTERM while Redis and the collector hang exits 0', async (t) => {
  const { redis, worker } = await startBusy(t)
  redis.kill('SIGSTOP')
  const code = await worker.stop()
  redis.kill('SIGCONT')
  assert.equal(code, 0, worker.log())
})

test('SIGTERM just before Redis hangs exits 0', async (t) => {
  const { redis, worker } = await startBusy(t)
  const ended = worker.stop()
  await waitForLine(worker, 'drain time is up')
  redis.kill('SIGSTOP')
  const code = await ended
  redis.kill('SIGCONT')
  assert.equal(code, 0, worker.log())
})
