/** A sweep drops what nobody needs any more, and nothing else. */
import type { PredictJobData } from '@menagerie/contract/job'
import { createKeys } from '@menagerie/shared/keys'
import { createUploadId } from '@menagerie/shared/upload-store/upload-id'
import { waitUntil } from '@menagerie/harness/processes'
import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { Queue } from 'bullmq'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { failWith, startFakeWorker } from './testing/fake-worker.ts'
import { MODEL, openTestGateway, type TestGateway } from './testing/open-test-gateway.ts'
import { startPrivateRedis } from './testing/private-redis.ts'
import { cancel, getPrediction, submit } from './testing/requests.ts'
import { sweepNow } from './testing/sweep-now.ts'

const putUpload = async (gateway: TestGateway, uploadId: string): Promise<void> => {
  await gateway.redis.set(createKeys(gateway.prefix).upload(uploadId), 'bytes', 'PX', 60_000)
}

/** The id of a picture that was stored an hour ago, unless it says another age. */
const oldUploadId = (predictionId: string, model = MODEL, ageMs = 3_600_000): string =>
  [model, predictionId, (Date.now() - ageMs).toString(36), randomUUID()].join('_')

const hasUpload = async (gateway: TestGateway, uploadId: string): Promise<boolean> =>
  (await gateway.redis.exists(createKeys(gateway.prefix).upload(uploadId))) === 1

test('pictures of predictions that wait or have failed stay; those without one, and second copies, go', async (t) => {
  const gateway = await openTestGateway(t)
  const worker = await startFakeWorker(t, gateway, { answer: failWith('inference_failed: x') })
  const failed = await submit(gateway)
  await getPrediction(gateway, failed.id, '?wait=60')
  await worker.close()
  const waiting = await submit(gateway)
  const kept = await gateway.listUploads()
  assert.equal(kept.length, 2)

  const orphans = [oldUploadId(randomUUID()), oldUploadId(waiting.id), oldUploadId(failed.id)]
  for (const orphan of orphans) await putUpload(gateway, orphan)
  assert.equal((await sweepNow(gateway.env)).uploads, orphans.length)
  assert.deepEqual((await gateway.listUploads()).toSorted(), kept.toSorted())
})

test('a picture whose deletion was missed goes, whatever the end was', async (t) => {
  const gateway = await openTestGateway(t)
  const canceled = await submit(gateway)
  const expired = await submit(gateway, { headers: { 'cancel-after': '1ms' } })
  const data = (await gateway.queue.getJob(canceled.id))?.data as PredictJobData | undefined
  const canceledUpload = data?.upload.id ?? ''
  await cancel(gateway, canceled.id)
  await waitUntil('its picture is gone', async () => !(await hasUpload(gateway, canceledUpload)))
  await putUpload(gateway, canceledUpload)
  await getPrediction(gateway, expired.id, '?wait=60')
  assert.equal((await sweepNow(gateway.env)).uploads, 2)
  assert.deepEqual(await gateway.listUploads(), [])
})

test('what is young may belong to a request that is on its way', async (t) => {
  const gateway = await openTestGateway(t, { SWEEP_INTERVAL: '100ms' })
  const young = createUploadId({ model: MODEL, predictionId: randomUUID() })
  const old = oldUploadId(randomUUID())
  await putUpload(gateway, young)
  await putUpload(gateway, old)
  await waitUntil('the gateway has swept', async () => !(await hasUpload(gateway, old)))
  assert.equal(await hasUpload(gateway, young), true)
})

test('what may be the first picture of a batch that took long to arrive stays for longer', async (t) => {
  const gateway = await openTestGateway(t, { SWEEP_INTERVAL: '100ms', REQUEST_TIMEOUT: '10m' })
  // Ten minutes for the form, and the grace of the batch that came of it.
  const first = oldUploadId(randomUUID(), MODEL, 15 * 60_000)
  const old = oldUploadId(randomUUID())
  await putUpload(gateway, first)
  await putUpload(gateway, old)
  await waitUntil('the gateway has swept', async () => !(await hasUpload(gateway, old)))
  assert.equal(await hasUpload(gateway, first), true)
})

test('a picture of a model that this gateway has never heard of stays while it waits', async (t) => {
  const gateway = await openTestGateway(t)
  const other = await openTestGateway(t, { REDIS_PREFIX: gateway.prefix, MODEL: 'other-model' })
  await submit(other)
  await sweepNow(gateway.env)
  assert.equal((await gateway.listUploads()).length, 1)
})

test('a picture of a job that only a newer gateway understands stays', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  const key = gateway.queue.toKey(id)
  const data = JSON.parse((await gateway.redis.hget(key, 'data')) ?? '') as object
  await gateway.redis.hset(key, 'data', JSON.stringify({ ...data, v: 2 }))
  await sweepNow(gateway.env)
  assert.equal((await gateway.listUploads()).length, 1)
})

test('a picture whose time is over goes, whatever its owner says', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  const key = gateway.queue.toKey(id)
  const data = JSON.parse((await gateway.redis.hget(key, 'data')) ?? '') as PredictJobData
  // More than MAX_QUEUE_AGE and DEAD_LETTER_TTL together.
  const old = oldUploadId(id, MODEL, 30 * 86_400_000)
  await putUpload(gateway, old)
  const upload = { ...data.upload, id: old }
  await gateway.redis.hset(key, 'data', JSON.stringify({ ...data, upload }))
  await sweepNow(gateway.env)
  assert.equal(await hasUpload(gateway, old), false)
})

test('the webhook of a submission that came second goes, that of the first stays', async (t) => {
  const gateway = await openTestGateway(t, { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1' })
  const { id } = await submit(gateway, { fields: { webhook: 'http://127.0.0.1:9/' } })
  const waiting = `${gateway.prefix}:webhooks:waiting-children`
  const webhooks = new Queue('webhooks', { connection: gateway.redis, prefix: gateway.prefix })
  const data = (await webhooks.getJob(`wh-${id}`))?.data as object
  // As BullMQ leaves it when its prediction was there before.
  await gateway.redis.hset(webhooks.toKey('wh-second'), {
    data: JSON.stringify(data),
    opts: '{}',
    timestamp: 1,
  })
  await gateway.redis.zadd(waiting, 1, 'wh-second')
  assert.equal((await sweepNow(gateway.env)).webhooks, 1)
  assert.deepEqual(await gateway.redis.zrange(waiting, '0', '-1'), [`wh-${id}`])
})

test('what is no upload id of ours is left alone', async (t) => {
  const gateway = await openTestGateway(t)
  for (const id of [randomUUID(), 'x', 'a_b']) await putUpload(gateway, id)
  assert.equal((await sweepNow(gateway.env)).uploads, 0)
})

test('records of what was canceled go with RESULT_TTL, though what failed stays', async (t) => {
  const gateway = await openTestGateway(t, { RESULT_TTL: '0.1s' })
  const { id } = await submit(gateway)
  await cancel(gateway, id)
  const worker = await startFakeWorker(t, gateway, { answer: failWith('inference_failed: x') })
  const failed = await submit(gateway)
  await getPrediction(gateway, failed.id, '?wait=60')
  await worker.close()
  await waitUntil('the canceled one is swept', async () => (await sweepNow(gateway.env)).records === 1)
  assert.equal(await gateway.queue.getJob(id), undefined)
  assert.equal((await getPrediction(gateway, failed.id)).status, 'failed')
})

test('pictures of what failed go first when Redis fills up', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url })
  await startFakeWorker(t, gateway, { answer: failWith('inference_failed: x') })
  const { id } = await submit(gateway)
  await getPrediction(gateway, id, '?wait=60')
  assert.equal((await sweepNow(gateway.env)).uploads, 0)
  const used = Number(/used_memory:(\d+)/.exec(await gateway.redis.info('memory'))?.[1])
  await gateway.redis.config('SET', 'maxmemory', Math.round(used * 1.5))
  assert.equal((await sweepNow(gateway.env)).uploads, 1)
  assert.deepEqual(await gateway.listUploads(), [])
})
