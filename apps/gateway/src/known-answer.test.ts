/** The same bytes are classified once: after that the gateway knows the answer, and stores no picture for it. */
import { ANONYMOUS_ID, type KnownAnswer, type PredictJobData } from '@menagerie/contract/job'
import { createKeys } from '@menagerie/shared/keys'
import { createResultCache } from '@menagerie/shared/result-cache'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import {
  DIGEST,
  fingerprintOf,
  makeReturnValue,
  registerFakeWorker,
  startFakeWorker,
} from './testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from './testing/open-test-gateway.ts'
import { getPrediction, PICTURE, postForm, submit } from './testing/requests.ts'

const SHA256 = createHash('sha256').update(PICTURE).digest('hex')
const KNOWN: KnownAnswer = { top_k: [[2, 0.8]], confident: false, digest: DIGEST, trained: true }

/** As a worker with this fingerprint leaves it behind. */
const remember = (gateway: TestGateway, fingerprint = fingerprintOf(DIGEST)): Promise<void> =>
  createResultCache({ redis: gateway.redis, keys: createKeys(gateway.prefix) }, { ttlMs: 60_000 }).put(
    { tenant: ANONYMOUS_ID, fingerprint, sha256: SHA256 },
    KNOWN,
  )

const dataOf = async (gateway: TestGateway, id: string): Promise<PredictJobData | undefined> =>
  (await gateway.queue.getJob(id))?.data as PredictJobData | undefined

test('a known answer goes into the job, and no picture is stored', async (t) => {
  const gateway = await openTestGateway(t)
  await registerFakeWorker(t, gateway)
  await remember(gateway)
  const data = await dataOf(gateway, (await submit(gateway)).id)
  assert.deepEqual(data?.known, KNOWN)
  assert.equal(data.upload.id, null)
  assert.equal(data.upload.sha256, SHA256)
  assert.deepEqual(await gateway.listUploads(), [])
})

test('the prediction says that its answer was known', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, {
    answer: async (job) =>
      makeReturnValue(
        job.data.known === undefined
          ? {}
          : { ...job.data.known, cache: 'hit', preprocess_ms: null, predict_ms: null },
      ),
  })
  const first = await submit(gateway, { headers: { prefer: 'respond-async' } })
  const { metrics } = await getPrediction(gateway, first.id, '?wait=60')
  assert.equal(metrics.cache, 'miss')
  await remember(gateway)
  const { id } = await submit(gateway)
  const repeated = await getPrediction(gateway, id, '?wait=60')
  assert.equal(repeated.output?.class_name, 'tench')
  assert.equal(repeated.output.confident, false)
  assert.equal(repeated.metrics.cache, 'hit')
  assert.equal(repeated.metrics.predict_ms, null)
})

test('what is known does not stand in line behind what is not', async (t) => {
  const gateway = await openTestGateway(t)
  await registerFakeWorker(t, gateway)
  const unknown = await submit(gateway)
  await remember(gateway)
  const known = await submit(gateway)
  const alsoKnown = await submit(gateway)
  const positionOf = async (id: string) => (await getPrediction(gateway, id)).queue?.position
  assert.deepEqual(await Promise.all([known, alsoKnown, unknown].map(({ id }) => positionOf(id))), [0, 1, 2])
})

for (const path of ['/v1/predictions', '/']) {
  test(`POST ${path} with Cache-Control: no-cache has the bytes classified again`, async (t) => {
    const gateway = await openTestGateway(t, { SYNC_TIMEOUT: '1ms' })
    await registerFakeWorker(t, gateway)
    await remember(gateway)
    for (const value of ['no-cache', 'max-age=0, No-Cache']) {
      await postForm(gateway, { path, headers: { 'cache-control': value } })
    }
    assert.equal((await gateway.listUploads()).length, 2)
    await postForm(gateway, { path, headers: { 'cache-control': 'max-age=60' } })
    await postForm(gateway, { path })
    assert.equal((await gateway.listUploads()).length, 2)
  })
}

test('an answer of other weights or settings is none', async (t) => {
  const gateway = await openTestGateway(t)
  await registerFakeWorker(t, gateway)
  await remember(gateway, 'another fingerprint')
  assert.equal((await dataOf(gateway, (await submit(gateway)).id))?.known, undefined)
})

test('before any worker has served the model nothing is known', async (t) => {
  const gateway = await openTestGateway(t)
  await remember(gateway)
  assert.equal((await dataOf(gateway, (await submit(gateway)).id))?.known, undefined)
})

test('with CACHE_TTL=0 nothing is known', async (t) => {
  const gateway = await openTestGateway(t, { CACHE_TTL: '0' })
  await registerFakeWorker(t, gateway)
  await remember(gateway)
  assert.equal((await dataOf(gateway, (await submit(gateway)).id))?.known, undefined)
})

test('a cache that cannot be read is no reason to refuse a picture', async (t) => {
  const gateway = await openTestGateway(t)
  await registerFakeWorker(t, gateway)
  // A list in the place of the answer: reading it is an error.
  await gateway.redis.lpush(
    createKeys(gateway.prefix).result(ANONYMOUS_ID, fingerprintOf(DIGEST), SHA256),
    'x',
  )
  assert.equal((await dataOf(gateway, (await submit(gateway)).id))?.known, undefined)
})
