import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { openRawClient, requestHead } from '../testing/raw-client.ts'
import {
  expectNothingStored,
  expectProblem,
  PICTURE,
  postBody,
  postForm,
  readPrediction,
} from '../testing/requests.ts'
import { waitUntil } from '@menagerie/harness/processes'

const PATH = '/v1/predictions'
const DATA_URL = `data:image/jpeg;base64,${PICTURE.toString('base64')}`

const postJson = (
  gateway: TestGateway,
  body: unknown,
  { path = PATH, headers = {} }: { path?: string; headers?: Record<string, string> } = {},
): Promise<Response> =>
  fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

const postImage = (gateway: TestGateway, image: unknown): Promise<Response> =>
  postJson(gateway, { input: { image } })

test('a data URL is a picture like any other, with all options beside it', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const metadata = { order: 'A-17', nested: { list: [1, null, 'é 犬'] } }
  const answer = await postJson(
    gateway,
    { input: { image: DATA_URL }, model: gateway.config.defaultModel, top_k: 2, metadata },
    { headers: { prefer: 'wait=30' } },
  )
  const prediction = await readPrediction(answer)
  assert.equal(answer.status, 200, JSON.stringify(prediction))
  assert.equal(prediction.status, 'succeeded')
  assert.equal(prediction.output?.top_k.length, 2)
  assert.deepEqual(prediction.metadata, metadata)
  const { filename, content_type, bytes } = prediction.input
  assert.deepEqual(
    { filename, content_type, bytes },
    { filename: null, content_type: 'image/jpeg', bytes: PICTURE.length },
  )
})

test('the worker gets the very bytes, and their type is what they say', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = await postImage(gateway, DATA_URL.replace('image/jpeg', 'image/png;charset=utf-8'))
  assert.equal(answer.status, 202)
  assert.equal((await readPrediction(answer)).input.content_type, 'image/jpeg')
  const [key = ''] = await gateway.listUploads()
  assert.deepEqual(await gateway.redis.getBuffer(key), PICTURE)
})

test('options of the query count too, and those of the body before them', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const countClasses = async (body: object) => {
    const options = { path: `${PATH}?top_k=1`, headers: { prefer: 'wait=30' } }
    const answer = await postJson(gateway, { input: { image: DATA_URL }, ...body }, options)
    return (await readPrediction(answer)).output?.top_k.length
  }
  assert.equal(await countClasses({}), 1)
  assert.equal(await countClasses({ top_k: 2 }), 2)
})

test('an Idempotency-Key finds the same picture again, whichever way it was sent', async (t) => {
  const gateway = await openTestGateway(t)
  const headers = { 'idempotency-key': 'order-4711' }
  const body = { input: { image: DATA_URL }, metadata: { a: 1 } }
  const first = await readPrediction(await postJson(gateway, body, { headers }))
  const again = await readPrediction(await postJson(gateway, body, { headers }))
  assert.equal(again.id, first.id)
  const form = await readPrediction(await postForm(gateway, { headers, fields: { metadata: '{"a":1}' } }))
  assert.equal(form.id, first.id)
  const other = { ...body, input: { image: `${DATA_URL.slice(0, -4)}AAAA` } }
  await expectProblem(await postJson(gateway, other, { headers }), 'idempotency_key_reused')
})

const INVALID: Array<[what: string, body: unknown, detail: RegExp]> = [
  ['no JSON', '{"input":', /not JSON/],
  ['a list', [], /must be object/],
  ['null', null, /must be object/],
  ['no input', {}, /input/],
  ['no image', { input: {} }, /image/],
  ['an image that is no text', { input: { image: 5 } }, /input\.image must be string/],
  ['an unknown option', { input: { image: DATA_URL }, topk: 3 }, /topk is not known/],
  ['an unknown part of the input', { input: { image: DATA_URL, video: '' } }, /video is not known/],
  ['a number as text', { input: { image: DATA_URL }, top_k: '3' }, /top_k must be integer/],
  ['a number out of range', { input: { image: DATA_URL }, top_k: 21 }, /top_k must be <= 20/],
  ['metadata as text', { input: { image: DATA_URL }, metadata: '{}' }, /metadata must be object/],
  ['a list as metadata', { input: { image: DATA_URL }, metadata: [] }, /metadata must be object/],
  [
    'too much metadata',
    { input: { image: DATA_URL }, metadata: { a: 'x'.repeat(4096) } },
    /metadata may have/,
  ],
  ['a prototype', `{"input":{"image":"${DATA_URL}"},"__proto__":{"top_k":1}}`, /__proto__ is not known/],
  [
    'metadata without end',
    `{"input":{"image":"${DATA_URL}"},"metadata":{"a":${'['.repeat(9000)}${']'.repeat(9000)}}}`,
    /metadata/,
  ],
  ['a data URL without base64', { input: { image: 'data:image/jpeg,abc' } }, /;base64/],
  ['a data URL without data', { input: { image: 'data:image/jpeg;base64' } }, /;base64/],
  ['base64 with spaces', { input: { image: `${DATA_URL.slice(0, 60)} ${DATA_URL.slice(60)}` } }, /base64/],
  ['base64 without padding', { input: { image: 'data:;base64,/9j/4A' } }, /not valid base64/],
  ['base64url', { input: { image: 'data:;base64,_9j_4A==' } }, /not valid base64/],
  ['base64 of no whole bytes', { input: { image: 'data:;base64,/9j/4' } }, /not valid base64/],
]

test('what does not fit is refused with the reason, and leaves nothing behind', async (t) => {
  const gateway = await openTestGateway(t)
  for (const [what, body, detail] of INVALID) {
    const problem = await expectProblem(await postJson(gateway, body), 'request_invalid')
    assert.match(problem.detail, detail, what)
  }
  await expectProblem(await postImage(gateway, 'data:image/jpeg;base64,'), 'file_empty')
  const notUtf8 = await postBody(gateway, PATH, 'application/json', Uint8Array.of(0x22, 0xff, 0x22))
  assert.match((await expectProblem(notUtf8, 'request_invalid')).detail, /UTF-8/)
  const text = Buffer.from('<html>'.repeat(100)).toString('base64')
  await expectProblem(await postImage(gateway, `data:image/jpeg;base64,${text}`), 'image_type_unsupported')
  const empty = await fetch(`${gateway.url}${PATH}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  })
  await expectProblem(empty, 'file_missing')
  await expectNothingStored(gateway)
})

test('the cap counts the bytes of the picture, not those of its base64', async (t) => {
  for (const more of [0, 1, 2]) {
    const gateway = await openTestGateway(t, { UPLOAD_BYTES_MAX: String(PICTURE.length + more) })
    assert.equal((await postImage(gateway, DATA_URL)).status, 202)
    const larger = Buffer.concat([PICTURE, Buffer.alloc(more + 1)]).toString('base64')
    await expectProblem(await postImage(gateway, `data:;base64,${larger}`), 'payload_too_large')
  }
})

test('a body over the cap is refused by its declared length, and while it arrives', async (t) => {
  const gateway = await openTestGateway(t, { UPLOAD_BYTES_MAX: '3000' })
  const client = await openRawClient(t, gateway.url)
  client.send(requestHead(PATH, { 'content-type': 'application/json', 'content-length': 10_000_000 }))
  await waitUntil('the refusal', () => client.status() === 413)
  const chunked = await openRawClient(t, gateway.url)
  chunked.send(requestHead(PATH, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }))
  for (let i = 0; i < 10; i++) chunked.send(`4000\r\n${' '.repeat(0x4000)}\r\n`)
  await waitUntil('the refusal', () => chunked.status() === 413)
  assert.match(chunked.text(), /payload_too_large/)
  await expectNothingStored(gateway)
})

test('JSON is for predictions alone: POST / refuses it', async (t) => {
  const gateway = await openTestGateway(t)
  await expectProblem(await postJson(gateway, {}, { path: '/' }), 'media_type_unsupported')
})

const startPictures = async (t: TestContext) => {
  let requests = 0
  const server = createServer((_request, response) => {
    requests += 1
    response.end(PICTURE)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, 'picture server', () => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/pictures/dog.jpg`, countRequests: () => requests }
}

test('a picture by URL is fetched before it is accepted', async (t) => {
  const pictures = await startPictures(t)
  const gateway = await openTestGateway(t, { URL_INPUTS: '1', URL_INPUTS_ALLOW_PRIVATE: '1' })
  const answer = await postImage(gateway, pictures.url)
  const { input } = await readPrediction(answer)
  assert.equal(answer.status, 202)
  assert.deepEqual([input.filename, input.bytes], ['dog.jpg', PICTURE.length])
  const [key = ''] = await gateway.listUploads()
  assert.deepEqual(await gateway.redis.getBuffer(key), PICTURE)
  await expectProblem(await postImage(gateway, 'file:///etc/passwd'), 'url_refused')
  await expectProblem(await postImage(gateway, 'http://127.0.0.1:1/'), 'url_unreachable')
})

test('what is fetched needs room like what is sent, and gives it back', async (t) => {
  const pictures = await startPictures(t)
  const env = { URL_INPUTS: '1', URL_INPUTS_ALLOW_PRIVATE: '1', UPLOAD_BYTES_MAX: '3000' }
  const full = await openTestGateway(t, { ...env, UPLOADS_IN_FLIGHT_BYTES: '3000' })
  await expectProblem(await postImage(full, pictures.url), 'queue_full')
  assert.equal(pictures.countRequests(), 0)
  const gateway = await openTestGateway(t, { ...env, UPLOADS_IN_FLIGHT_BYTES: '4000' })
  for (let i = 0; i < 3; i++) assert.equal((await postImage(gateway, pictures.url)).status, 202)
})

test('by default no URL is fetched, and where they are no private one', async (t) => {
  const pictures = await startPictures(t)
  const [closed, open] = [await openTestGateway(t), await openTestGateway(t, { URL_INPUTS: '1' })]
  await expectProblem(await postImage(closed, pictures.url), 'url_inputs_disabled')
  for (const url of [pictures.url, pictures.url.replace('http', 'https'), 'https://localhost/', 'nothing']) {
    await expectProblem(await postImage(open, url), 'url_refused')
  }
  assert.equal(pictures.countRequests(), 0)
  await expectNothingStored(closed)
  await expectNothingStored(open)
})
