/** What is one tenant's is not there for another, and nothing shows that it is. */
import type { KnownAnswer, PredictJobData } from '@menagerie/contract/job'
import { waitUntil } from '@menagerie/harness/processes'
import { createKeys } from '@menagerie/shared/keys'
import { createResultCache } from '@menagerie/shared/result-cache'
import assert from 'node:assert/strict'
import { rename, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { createGate, DIGEST, fingerprintOf, startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway } from '../testing/open-test-gateway.ts'
import { expectProblem, postForm, readPrediction, submit } from '../testing/requests.ts'
import { as, formatKeysFile, withTenants } from '../testing/tenants.ts'

const TENANTS = { ann: {}, bob: {} }
const UNKNOWN = '00000000-0000-8000-8000-000000000000'

test('another tenant gets the same answers about a prediction as about none at all', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, TENANTS))
  const gate = createGate()
  await startFakeWorker(t, gateway, { answer: gate.answer })
  const { id } = await submit(gateway, { headers: as('ann') })
  const calls: Array<[method: string, path: string]> = [
    ['GET', ''],
    ['GET', '?wait=60'],
    ['GET', '/events'],
    ['GET', '/deliveries'],
    ['POST', '/deliveries/1/redeliver'],
    ['POST', '/cancel'],
    ['DELETE', ''],
  ]
  const ask = (tenant: string, method: string, path: string) =>
    fetch(`${gateway.url}/v1/predictions/${path}`, { method, headers: as(tenant) })
  for (const [method, path] of calls) {
    // While it runs: nobody is kept waiting for what is not theirs.
    const problem = await expectProblem(await ask('bob', method, `${id}${path}`), 'prediction_not_found')
    const unknown = await expectProblem(await ask('bob', method, `${UNKNOWN}${path}`), 'prediction_not_found')
    assert.deepEqual({ ...problem, request_id: '' }, { ...unknown, request_id: '' })
  }
  gate.open()
  const mine = await readPrediction(await ask('ann', 'GET', `${id}?wait=60`))
  assert.equal(mine.status, 'succeeded')
  for (const [method, path] of calls) {
    await expectProblem(await ask('bob', method, `${id}${path}`), 'prediction_not_found')
  }
  assert.equal((await ask('ann', 'DELETE', id)).status, 204)
})

test('the same Idempotency-Key of two tenants makes two predictions', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, TENANTS))
  const send = (tenant: string) =>
    submit(gateway, { headers: { ...as(tenant), 'idempotency-key': 'order-1' } })
  const [ann, bob, again] = [await send('ann'), await send('bob'), await send('ann')]
  assert.notEqual(ann.id, bob.id)
  assert.equal(again.id, ann.id)
})

test('an answer that one tenant got is not given to another', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, TENANTS))
  await startFakeWorker(t, gateway)
  const { id } = await submit(gateway, { headers: as('ann') })
  const job = await gateway.queue.getJob(id)
  assert.ok(job !== undefined)
  const data = job.data as PredictJobData
  assert.equal(data.tenant, 'ann')
  const cache = createResultCache(
    { redis: gateway.redis, keys: createKeys(gateway.prefix) },
    { ttlMs: 60_000 },
  )
  // As its worker remembers it.
  const known: KnownAnswer = { top_k: [[2, 0.8]], confident: true, digest: DIGEST, trained: true }
  const by = { tenant: 'ann', fingerprint: fingerprintOf(DIGEST), sha256: data.upload.sha256 }
  await cache.put(by, known)
  const isKnown = async (tenant: string): Promise<boolean> => {
    const prediction = await submit(gateway, { headers: as(tenant) })
    const job = await gateway.queue.getJob(prediction.id)
    assert.ok(job !== undefined)
    return (job.data as PredictJobData).known !== undefined
  }
  assert.equal(await isKnown('ann'), true)
  assert.equal(await isKnown('bob'), false)
})

test('without a valid key nothing of a tenant can be asked for; probes and the documents are open', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, TENANTS))
  const strangers: Array<Record<string, string>> = [
    {},
    { authorization: 'Bearer nonsense' },
    { authorization: 'Basic bW5nX2tleS1vZi1hbm46' },
    as('carol'),
  ]
  for (const headers of strangers) {
    for (const path of ['/v1/models', `/v1/predictions/${UNKNOWN}`, `/v1/predictions/${UNKNOWN}/events`]) {
      const answer = await fetch(`${gateway.url}${path}`, { headers })
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer')
      await expectProblem(answer, 'api_key_invalid')
    }
    for (const path of ['/', '/v1/predictions']) {
      await expectProblem(await postForm(gateway, { path, headers }), 'api_key_invalid')
    }
  }
  for (const path of ['/livez', '/readyz', '/openapi.json', '/docs']) {
    assert.equal((await fetch(`${gateway.url}${path}`)).status, 200, path)
  }
  assert.equal((await fetch(`${gateway.url}/v1/models`, { headers: as('ann') })).status, 200)
})

test('a changed file of keys counts without a restart; one that is not valid changes nothing', async (t) => {
  const env = await withTenants(t, { ann: {} })
  const gateway = await openTestGateway(t, env)
  const statusOf = async (tenant: string) =>
    (await fetch(`${gateway.url}/v1/models`, { headers: as(tenant) })).status
  assert.deepEqual([await statusOf('ann'), await statusOf('bob')], [200, 401])
  const replace = async (text: string): Promise<void> => {
    await writeFile(`${env.API_KEYS_FILE}.new`, text)
    await rename(`${env.API_KEYS_FILE}.new`, env.API_KEYS_FILE)
  }
  await replace(formatKeysFile({ bob: {} }))
  await waitUntil('the new key is valid', async () => (await statusOf('bob')) === 200)
  assert.equal(await statusOf('ann'), 401)
  await replace('{"tenants":')
  await waitUntil('it was looked at', () => gateway.logText().includes('those of before stay'))
  assert.equal(await statusOf('bob'), 200)
})
