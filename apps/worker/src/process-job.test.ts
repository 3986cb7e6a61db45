import { formatFailedReason } from '@menagerie/contract/errors'
import { parseEndMessage, readEndedId } from '@menagerie/contract/end-message'
import { JOB_PRIORITY, KnownAnswer, PAYLOAD_VERSION, PredictReturnValue } from '@menagerie/contract/job'
import {
  CANCELED_AT_FIELD,
  OPEN_RUNS_FIELD,
  readStatus,
  STARTED_AT_FIELD,
} from '@menagerie/contract/job-record'
import { TOP_K_MAX } from '@menagerie/contract/prediction'
import { parseRecord } from '@menagerie/contract/record-fields'
import { makeJpeg } from '@menagerie/harness/pictures'
import { waitUntil } from '@menagerie/harness/processes'
import { createKeys } from '@menagerie/shared/keys'
import { Worker } from 'bullmq'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import Value from 'typebox/value'
import { openTestQueue } from './testing/open-test-worker.ts'

type TestQueue = Awaited<ReturnType<typeof openTestQueue>>
type TestWorker = Awaited<ReturnType<TestQueue['openWorker']>>

let queue: TestQueue
let worker: TestWorker

before(async () => {
  queue = await openTestQueue()
  worker = await queue.openWorker()
})
after(async () => {
  await worker.close()
  await queue.close()
})

const isUploadGone = async (id: string | null): Promise<boolean> =>
  (await queue.uploads.get(id ?? '')) === null

const failureOf = async (outcome: Promise<{ value: unknown } | { failed: string }>): Promise<string> => {
  const settled = await outcome
  assert.ok('failed' in settled, 'the job must fail')
  return settled.failed
}

test('a picture becomes its most probable classes, and the upload is dropped', async () => {
  const data = queue.makeData({ top_k: 4 })
  const job = await queue.add(data)
  const outcome = await queue.outcomeOf(job)
  assert.ok('value' in outcome)
  assert.ok(Value.Check(PredictReturnValue, outcome.value))
  assert.equal(outcome.value.top_k.length, 4)
  assert.equal(outcome.value.worker, worker.id)
  await waitUntil('the upload is gone', () => isUploadGone(data.upload.id))
})

test('the first start is noted in the record, and a later one does not change it', async () => {
  const first = await queue.add(queue.makeData())
  await queue.outcomeOf(first)
  assert.match(
    (await queue.redis.hget(queue.queue.toKey(first.id ?? ''), STARTED_AT_FIELD)) ?? '',
    /^\d{13}$/,
  )

  const again = await queue.add(queue.makeData(), undefined, { delay: 500 })
  await queue.redis.hset(queue.queue.toKey(again.id ?? ''), STARTED_AT_FIELD, 1000)
  await queue.outcomeOf(again)
  assert.equal(await queue.redis.hget(queue.queue.toKey(again.id ?? ''), STARTED_AT_FIELD), '1000')
})

test('bytes that cannot be decoded fail at the first attempt, and the upload is kept for a replay', async () => {
  const data = queue.makeData()
  const broken = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(2000, 7)])
  const job = await queue.add(data, broken)
  assert.match(await failureOf(queue.outcomeOf(job)), /^image_undecodable: /)
  assert.equal((await queue.queue.getJob(job.id ?? ''))?.attemptsMade, 1)
  assert.equal(await isUploadGone(data.upload.id), false)
})

test('a job without its picture fails as upload_expired', async () => {
  const job = await queue.add(queue.makeData(), null)
  assert.equal(
    await failureOf(queue.outcomeOf(job)),
    formatFailedReason('upload_expired', 'the uploaded picture is gone'),
  )
})

test('a job past its deadline is not run, and fails as prediction_expired', async () => {
  const data = queue.makeData({ deadline: Date.now() - 60_000 })
  const job = await queue.add(data)
  assert.match(await failureOf(queue.outcomeOf(job)), /^prediction_expired: /)
  await waitUntil('the upload is gone', () => isUploadGone(data.upload.id))
})

test('a canceled job is not run', async () => {
  const job = await queue.add(queue.makeData(), undefined, { delay: 500 })
  await queue.redis.hset(queue.queue.toKey(job.id ?? ''), CANCELED_AT_FIELD, Date.now())
  assert.match(await failureOf(queue.outcomeOf(job)), /^prediction_canceled: /)
})

test('a job that is canceled while it runs stops, and is not tried again', async () => {
  const started = queue.makeData()
  // Large, so that there is time to cancel it.
  const job = await queue.add(started, await makeJpeg({ width: 6000, height: 4000 }))
  const key = queue.queue.toKey(job.id ?? '')
  await waitUntil('it runs', async () => (await queue.redis.hexists(key, STARTED_AT_FIELD)) === 1)
  await queue.redis.publish(createKeys(queue.env.REDIS_PREFIX).canceled, job.id ?? '')
  assert.equal(
    await failureOf(queue.outcomeOf(job)),
    formatFailedReason('prediction_canceled', 'it was canceled'),
  )
  assert.equal((await queue.queue.getJob(job.id ?? ''))?.attemptsMade, 1)
  assert.equal(await queue.redis.hget(key, OPEN_RUNS_FIELD), '0', 'its worker has survived it')
  await waitUntil('the upload is gone', () => isUploadGone(started.upload.id))
})

test('a payload that makes no sense fails once and visibly', async () => {
  const job = await queue.queue.add('predict', { v: 1, nonsense: true }, { jobId: 'nonsense', attempts: 3 })
  assert.match(await failureOf(queue.outcomeOf(job)), /^payload_invalid: /)
  assert.equal((await queue.queue.getJob('nonsense'))?.attemptsMade, 1)
})

test('a payload of a newer version is delayed, not failed, and an upgraded worker takes it', async (t) => {
  const later = await openTestQueue()
  t.after(() => later.close())
  const old = await later.openWorker()
  const job = await later.queue.add(
    'predict',
    { ...later.makeData(), v: PAYLOAD_VERSION + 1 },
    { jobId: 'newer', attempts: 3, priority: JOB_PRIORITY.ordinary },
  )
  await waitUntil('the job is delayed', async () => (await job.getState()) === 'delayed')
  await old.close()
  const stored = await later.queue.getJob('newer')
  assert.deepEqual([stored?.failedReason, stored?.attemptsMade], [undefined, 0])
  const upgraded = new Worker(later.queue.name, async ({ data }) => `took v${data.v}`, {
    connection: later.redis,
    prefix: later.env.REDIS_PREFIX,
  })
  t.after(() => upgraded.close())
  // Its time comes.
  await job.promote()
  assert.deepEqual(await later.outcomeOf(job), { value: `took v${PAYLOAD_VERSION + 1}` })
})

test('fields of a later gateway are tolerated', async () => {
  const job = await queue.add(Object.assign(queue.makeData(), { something: 'new' }))
  assert.ok('value' in (await queue.outcomeOf(job)))
})

test('the end is announced together with how it ended', async () => {
  const messages: string[] = []
  const subscriber = queue.redis.duplicate()
  subscriber.on('message', (_channel, message) => messages.push(message))
  await subscriber.subscribe(createKeys(queue.env.REDIS_PREFIX).ended)
  const data = queue.makeData()
  const job = await queue.add(data)
  await queue.outcomeOf(job)
  const isOurs = (message: string): boolean => readEndedId(message) === job.id
  await waitUntil('it is announced', () => messages.some(isOurs))
  const message = parseEndMessage(messages.find(isOurs) ?? '')
  assert.ok(message !== null)
  const record = parseRecord(job.id ?? '', data, message.values)
  assert.ok(record !== null)
  assert.equal(readStatus(record, message.now_ms), 'succeeded')
  assert.equal(record.returnValue?.top_k.length, 3)
  subscriber.disconnect()
})

test('an answer that is known is repeated, and no picture is needed', async () => {
  const known: KnownAnswer = {
    top_k: [
      [7, 0.9],
      [8, 0.1],
    ],
    confident: true,
    digest: 'sha256:known',
    trained: true,
  }
  const upload = { ...queue.makeData().upload, id: null }
  const outcome = await queue.outcomeOf(await queue.add(queue.makeData({ top_k: 1, upload, known })))
  assert.deepEqual(outcome, {
    value: {
      top_k: [[7, 0.9]],
      confident: true,
      preprocess_ms: null,
      predict_ms: null,
      cache: 'hit',
      worker: worker.id,
      digest: 'sha256:known',
      trained: true,
    },
  })
})

test('a known answer that comes too late is none: it has been seen as expired', async () => {
  const known: KnownAnswer = { top_k: [[7, 0.9]], confident: true, digest: 'sha256:known', trained: true }
  const upload = { ...queue.makeData().upload, id: null }
  const late = await queue.add(queue.makeData({ upload, known, deadline: Date.now() - 1000 }))
  assert.match(await failureOf(queue.outcomeOf(late)), /^prediction_expired: /)
  const justInTime = await queue.add(queue.makeData({ upload, known, deadline: Date.now() + 30_000 }))
  assert.ok('value' in (await queue.outcomeOf(justInTime)))
})

test('what was answered is remembered for as many classes as can be asked for', async () => {
  const upload = { ...queue.makeData().upload, sha256: 'a-hash' }
  const outcome = await queue.outcomeOf(await queue.add(queue.makeData({ top_k: 2, upload })))
  assert.ok('value' in outcome && Value.Check(PredictReturnValue, outcome.value))
  assert.equal(outcome.value.cache, 'miss')
  const keys = () => queue.redis.keys(`${queue.env.REDIS_PREFIX}:result:*:a-hash`)
  await waitUntil('it is remembered', async () => (await keys()).length === 1)
  const [key = ''] = await keys()
  const known: unknown = JSON.parse((await queue.redis.get(key)) ?? '')
  assert.ok(Value.Check(KnownAnswer, known))
  assert.equal(known.top_k.length, TOP_K_MAX)
  assert.deepEqual(known.top_k.slice(0, 2), outcome.value.top_k)
  assert.ok((await queue.redis.pttl(key)) > 0)
})

test('what one tenant was answered is remembered for that one', async () => {
  const upload = { ...queue.makeData().upload, sha256: 'a-hash-of-ann' }
  await queue.outcomeOf(await queue.add(queue.makeData({ upload, tenant: 'ann' })))
  const keys = () => queue.redis.keys(`${queue.env.REDIS_PREFIX}:result:*:a-hash-of-ann`)
  await waitUntil('it is remembered', async () => (await keys()).length === 1)
  assert.match((await keys())[0] ?? '', /:result:ann:/)
})

test('an end lets go of the share that its tenant had for it', async () => {
  const job = await queue.add(queue.makeData({ tenant: 'ann' }))
  const id = job.id ?? ''
  const [shares, held] = [`${queue.env.REDIS_PREFIX}:shares:ann`, `${queue.env.REDIS_PREFIX}:held:ann`]
  await queue.redis.hset(shares, 'bytes', 500)
  await queue.redis.hset(held, { [id]: `200 1 2 ${queue.env['MODEL']}`, another: '300 1 2 a-model' })
  await queue.outcomeOf(job)
  await waitUntil('it is let go', async () => (await queue.redis.hlen(held)) === 1)
  assert.equal(await queue.redis.hget(shares, 'bytes'), '300')
})

test('a job with which three workers have died is not run a fourth time', async () => {
  const job = await queue.add(queue.makeData(), undefined, { delay: 500 })
  await queue.redis.hset(queue.queue.toKey(job.id ?? ''), OPEN_RUNS_FIELD, 3)
  assert.match(await failureOf(queue.outcomeOf(job)), /^worker_lost: /)
  assert.equal((await queue.queue.getJob(job.id ?? ''))?.attemptsMade, 1)
})

test('a run that fails is no death of its worker', async () => {
  const job = await queue.add(queue.makeData(), Buffer.from('no picture'))
  await failureOf(queue.outcomeOf(job))
  assert.equal(await queue.redis.hget(queue.queue.toKey(job.id ?? ''), OPEN_RUNS_FIELD), '0')
})
