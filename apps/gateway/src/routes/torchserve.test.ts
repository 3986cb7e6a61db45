import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failWith, makeReturnValue, startFakeWorker } from '../testing/fake-worker.ts'
import { MODEL, openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { as, withTenants } from '../testing/tenants.ts'
import {
  expectNothingStored,
  getPrediction,
  PICTURE,
  postBody,
  postForm,
  readPrediction,
} from '../testing/requests.ts'

const PATH = `/predictions/${MODEL}`
const ANSWER = { golden_retriever: 0.7, baboon: 0.2, tench: 0.1 }

const expectError = async (
  answer: Response,
  status: number,
  type: string,
  message: RegExp,
): Promise<void> => {
  const text = await answer.text()
  assert.equal(answer.status, status, text)
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
  const body = JSON.parse(text) as Record<string, unknown>
  assert.deepEqual(Object.keys(body), ['code', 'type', 'message'])
  assert.equal(body['code'], status)
  assert.equal(body['type'], type)
  assert.match(String(body['message']), message)
}

const put = (gateway: TestGateway, path: string): Promise<Response> =>
  fetch(`${gateway.url}${path}`, { method: 'PUT', body: new Uint8Array(PICTURE) })

test('a picture as the body, as a form, put or posted, of any content type, gives probabilities by name', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  for (const answer of [
    await put(gateway, PATH),
    await put(gateway, `${PATH}/1.0`),
    await postForm(gateway, { path: PATH }),
    await postBody(gateway, PATH, 'image/jpeg', PICTURE),
    await postBody(gateway, PATH, 'application/x-www-form-urlencoded', PICTURE),
    await postBody(gateway, PATH, 'application/octet-stream', PICTURE),
  ]) {
    const text = await answer.text()
    assert.equal(answer.status, 200, text)
    assert.equal(text, JSON.stringify(ANSWER))
    assert.equal(answer.headers.get('menagerie-trained'), null)
    assert.match(answer.headers.get('location') ?? '', /^\/v1\/predictions\//)
  }
})

test('a name that comes twice keeps both probabilities', async (t) => {
  const gateway = await openTestGateway(t)
  const labels: Array<[string, string]> = [
    ['n02012849', 'crane'],
    ['n03126707', 'crane'],
    ['n01440764', 'tench'],
  ]
  await startFakeWorker(t, gateway, { model: { labels } })
  const answer: unknown = await (await put(gateway, PATH)).json()
  assert.deepEqual(answer, { crane: 0.7, 'crane (n03126707)': 0.2, tench: 0.1 })
})

test('what the body has no room for is in headers', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, {
    answer: async () => makeReturnValue({ trained: false, confident: false }),
    model: { trained: false },
  })
  const { headers } = await put(gateway, PATH)
  assert.equal(headers.get('menagerie-trained'), 'false')
  assert.equal(headers.get('menagerie-confident'), 'false')
})

test('errors have the shape of TorchServe', async (t) => {
  const gateway = await openTestGateway(t, { UPLOAD_BYTES_MAX: String(PICTURE.length) })
  await expectError(await put(gateway, '/predictions/cat'), 404, 'ModelNotFoundException', /no model "cat"/)
  await expectError(await put(gateway, `${PATH}/2.0`), 404, 'ModelNotFoundException', /version 1\.0 only/)
  const large = await postBody(gateway, PATH, 'image/jpeg', Buffer.concat([PICTURE, Buffer.alloc(1)]))
  await expectError(large, 413, 'BadRequestException', /at most/)
  const text = await postBody(gateway, PATH, 'text/plain', 'hello'.repeat(100))
  await expectError(text, 415, 'BadRequestException', /not an image/)
  await expectError(await put(gateway, '/predictions/%zz'), 400, 'BadRequestException', /zz/)
  const nothing = await fetch(`${gateway.url}${PATH}`, { method: 'POST' })
  await expectError(nothing, 400, 'BadRequestException', /no body/)
  const key = await postForm(gateway, { path: PATH, headers: { 'idempotency-key': 'é' } })
  await expectError(key, 400, 'BadRequestException', /idempotency-key/)
  await expectNothingStored(gateway)
})

test('a prediction that failed, or is not finished in time, is an error and says where it is', async (t) => {
  const gateway = await openTestGateway(t, { SYNC_TIMEOUT: '200ms' })
  const late = await put(gateway, PATH)
  await expectError(late, 504, 'RequestTimeoutException', /its answer will be at/)
  const id = late.headers.get('location')?.split('/').at(-1) ?? ''
  assert.equal((await getPrediction(gateway, id)).status, 'queued')
  const other = await openTestGateway(t)
  await startFakeWorker(t, other, { answer: failWith('inference_failed: no luck') })
  await expectError(await put(other, PATH), 500, 'InternalServerException', /^no luck$/)
})

test('an Idempotency-Key finds the same prediction again', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const headers = { 'idempotency-key': 'order-4711' }
  const answer = await postForm(gateway, { path: PATH, headers })
  const { id } = await readPrediction(await postForm(gateway, { headers, fields: { top_k: '5' } }))
  assert.equal(answer.headers.get('location'), `/v1/predictions/${id}`)
})

test('/ping is healthy, and unhealthy when the gateway stops', async (t) => {
  const gateway = await openTestGateway(t, { DRAIN_DELAY: '2s' })
  const ping = () => fetch(`${gateway.url}/ping`)
  const healthy = await ping()
  assert.equal(healthy.status, 200)
  assert.deepEqual(await healthy.json(), { status: 'Healthy' })
  const closed = gateway.close()
  await waitUntil('it begins to stop', () => gateway.app.isDraining)
  const unhealthy = await ping()
  assert.equal(unhealthy.status, 503)
  assert.deepEqual(await unhealthy.json(), { status: 'Unhealthy' })
  await closed
})

test('with API keys, /ping is open to everybody, and a prediction needs one', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, { ann: {} }))
  await startFakeWorker(t, gateway)
  assert.equal((await fetch(`${gateway.url}/ping`)).status, 200)
  await expectError(await put(gateway, PATH), 401, 'InvalidKeyException', /API key/)
  assert.equal((await postForm(gateway, { path: PATH, headers: as('ann') })).status, 200)
})
