import type { PredictJobData } from '@menagerie/contract/job'
import { Prediction } from '@menagerie/contract/prediction'
import { makeForm } from '@menagerie/harness/form'
import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import Value from 'typebox/value'
import {
  createGate,
  DIGEST,
  failWith,
  makeReturnValue,
  registerFakeWorker,
  startFakeWorker,
} from '../testing/fake-worker.ts'
import { MODEL, openTestGateway } from '../testing/open-test-gateway.ts'
import {
  expectNothingStored,
  expectProblem,
  getPrediction,
  PICTURE,
  postBody,
  postForm,
  readPrediction,
  submit,
} from '../testing/requests.ts'

const PATH = '/v1/predictions'

test('202 with Location and the whole prediction, once Redis has the job and the picture', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = await postForm(gateway)
  assert.equal(answer.status, 202)
  assert.equal(answer.headers.get('preference-applied'), null)
  const prediction = await readPrediction(answer)
  assert.equal(answer.headers.get('location'), `${PATH}/${prediction.id}`)
  assert.ok(Value.Check(Prediction, prediction))
  assert.equal(prediction.status, 'queued')
  assert.deepEqual(prediction.model, { name: MODEL, digest: null, trained: null })
  assert.deepEqual(prediction.input, {
    filename: 'photo.jpg',
    content_type: 'image/jpeg',
    bytes: PICTURE.length,
    sha256: createHash('sha256').update(PICTURE).digest('hex'),
  })
  assert.deepEqual(prediction.queue, { position: 0, estimated_wait_ms: null })
  const url = `${gateway.url}${PATH}/${prediction.id}`
  assert.deepEqual(prediction.urls, { get: url, cancel: `${url}/cancel` })
  assert.equal(prediction.replay_of, null)
  assert.equal(prediction.output, null)
  assert.equal(prediction.error, null)
  assert.equal(prediction.completed_at, null)

  const job = await gateway.queue.getJob(prediction.id)
  assert.ok(job)
  assert.equal(job.name, 'predict')
  const [key = ''] = await gateway.listUploads()
  const { upload } = job.data as PredictJobData
  assert.equal(key, `${gateway.prefix}:upload:${upload.id}`)
  assert.deepEqual(await gateway.redis.getBuffer(key), PICTURE)
  assert.ok((await gateway.redis.pttl(key)) > 0)
})

const HEADS: Array<[string, Buffer]> = [
  ['image/jpeg', Buffer.from('\xff\xd8\xff\xe0', 'latin1')],
  ['image/png', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')],
  ['image/webp', Buffer.from('RIFF\x00\x00\x00\x00WEBP', 'latin1')],
  ['image/gif', Buffer.from('GIF89a', 'latin1')],
  ['image/avif', Buffer.from('\x00\x00\x00\x1cftypavif', 'latin1')],
]

test('the type of a picture is what its bytes say, not what the client says', async (t) => {
  const gateway = await openTestGateway(t)
  for (const [type, head] of HEADS) {
    const answer = await postBody(gateway, PATH, 'image/x-whatever', Buffer.concat([head, Buffer.alloc(500)]))
    const { input } = await readPrediction(answer)
    assert.equal(input.content_type, type)
    assert.equal(input.filename, null)
  }
})

test('a picture shorter than the longest magic number is recognised too', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = await postBody(gateway, PATH, 'image/gif', Buffer.from('GIF89a'))
  assert.equal((await readPrediction(answer)).input.bytes, 6)
})

test('options count as query and as form fields, before and after the file', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const wait = { headers: { prefer: 'wait=60' } }
  const countClasses = async (answer: Response) => (await readPrediction(answer)).output?.top_k.length

  assert.equal(await countClasses(await postForm(gateway, { fields: { top_k: '2' }, ...wait })), 2)
  assert.equal(await countClasses(await postForm(gateway, { path: `${PATH}?top_k=1`, ...wait })), 1)
  const mixed = { path: `${PATH}?top_k=1`, fields: { metadata: '{"a":1}' }, ...wait }
  assert.equal(await countClasses(await postForm(gateway, mixed)), 1)

  const after = new FormData()
  after.set('file', new Blob([PICTURE]), 'photo.jpg')
  after.set('top_k', '1')
  assert.equal(
    await countClasses(await fetch(`${gateway.url}${PATH}`, { method: 'POST', body: after, ...wait })),
    1,
  )

  const raw = await fetch(`${gateway.url}${PATH}?top_k=2`, {
    method: 'POST',
    body: PICTURE,
    headers: { 'content-type': 'image/jpeg', prefer: 'wait=60' },
  })
  assert.equal(await countClasses(raw), 2)
})

test('metadata comes back as it was sent, also as a JSON part', async (t) => {
  const gateway = await openTestGateway(t)
  const metadata = { order: 'A-17', nested: { list: [1, null, 'é 犬'] } }
  const asText = await submit(gateway, { fields: { metadata: JSON.stringify(metadata) } })
  assert.deepEqual(asText.metadata, metadata)
  assert.deepEqual((await getPrediction(gateway, asText.id)).metadata, metadata)

  const boundary = 'x'.repeat(20)
  const body = [
    `--${boundary}\r\ncontent-disposition: form-data; name="metadata"\r\ncontent-type: application/json\r\n\r\n`,
    JSON.stringify(metadata),
    `\r\n--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.gif"\r\n\r\nGIF89a`,
    `\r\n--${boundary}--\r\n`,
  ].join('')
  const answer = await postBody(gateway, PATH, `multipart/form-data; boundary=${boundary}`, body)
  assert.equal(answer.status, 202)
  assert.deepEqual((await readPrediction(answer)).metadata, metadata)
})

test('a long file name is cut, an odd one is kept', async (t) => {
  const gateway = await openTestGateway(t)
  for (const [sent, kept] of [
    ['a'.repeat(300), 'a'.repeat(255)],
    ['mit Leer zeichen é 犬.jpg', 'mit Leer zeichen é 犬.jpg'],
  ] as const) {
    const answer = await fetch(`${gateway.url}${PATH}`, { method: 'POST', body: makeForm(PICTURE, {}, sent) })
    assert.equal((await readPrediction(answer)).input.filename, kept)
  }
})

test('Prefer: wait answers 200 with the finished prediction', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const answer = await postForm(gateway, { headers: { prefer: 'wait=30' } })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('preference-applied'), 'wait=30')
  const prediction = await readPrediction(answer)
  assert.ok(Value.Check(Prediction, prediction))
  assert.equal(answer.headers.get('location'), `${PATH}/${prediction.id}`)
  assert.equal(prediction.status, 'succeeded')
  assert.equal(prediction.queue, null)
  assert.deepEqual(prediction.model, { name: MODEL, digest: DIGEST, trained: true })
  assert.deepEqual(prediction.output?.top_k, [
    { index: 0, class_id: 'n02099601', class_name: 'golden_retriever', probability: 0.7 },
    { index: 1, class_id: 'n02486410', class_name: 'baboon', probability: 0.2 },
    { index: 2, class_id: 'n01440764', class_name: 'tench', probability: 0.1 },
  ])
  assert.equal(prediction.output?.confident, true)
  assert.equal(prediction.metrics.attempts, 1)
  assert.equal(prediction.metrics.worker, 'fake-worker')
  assert.ok(Date.parse(prediction.completed_at ?? '') >= Date.parse(prediction.created_at))
  assert.ok(Date.parse(prediction.expires_at ?? '') > Date.parse(prediction.completed_at ?? ''))
})

test('an answer that the worker is unsure of says so, also when only one class was asked for', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = async () => makeReturnValue({ top_k: [[0, 0.9]], confident: false })
  await startFakeWorker(t, gateway, { answer })
  const response = await postForm(gateway, { fields: { top_k: '1' }, headers: { prefer: 'wait=30' } })
  const { output } = await readPrediction(response)
  assert.deepEqual([output?.probability, output?.confident], [0.9, false])
})

test('Prefer: wait answers 200 also when the prediction failed: the request itself went well', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, { answer: failWith('image_undecodable: it ends early') })
  const answer = await postForm(gateway, { headers: { prefer: 'wait=30' } })
  assert.equal(answer.status, 200)
  const prediction = await readPrediction(answer)
  assert.equal(prediction.status, 'failed')
  assert.deepEqual(prediction.error, { code: 'image_undecodable', message: 'it ends early' })
})

test('Prefer: wait answers 202 when it is not finished in time', async (t) => {
  const gateway = await openTestGateway(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const answer = await postForm(gateway, { headers: { prefer: 'wait=1' } })
  assert.equal(answer.status, 202)
  assert.equal(answer.headers.get('preference-applied'), 'wait=1')
  const { id, status } = await readPrediction(answer)
  assert.ok(['queued', 'processing'].includes(status))
  gate.open()
  assert.equal((await getPrediction(gateway, id, '?wait=60')).status, 'succeeded')
})

test('Prefer: respond-async does not wait', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const answer = await postForm(gateway, { headers: { prefer: 'respond-async' } })
  assert.equal(answer.status, 202)
  assert.equal(answer.headers.get('preference-applied'), null)
})

test('a model that a worker has registered can be asked for, also one that came after the first request', async (t) => {
  const gateway = await openTestGateway(t)
  await expectProblem(await postForm(gateway, { fields: { model: 'other' } }), 'model_not_found')
  await startFakeWorker(t, gateway, { model: { name: 'other' } })
  const answer = await postForm(gateway, { fields: { model: 'other' }, headers: { prefer: 'wait=60' } })
  assert.equal(answer.status, 200)
  const prediction = await readPrediction(answer)
  assert.equal(prediction.model.name, 'other')
  assert.equal(prediction.status, 'succeeded')
})

test('an unknown model is 404', async (t) => {
  const gateway = await openTestGateway(t)
  await registerFakeWorker(t, gateway)
  for (const model of ['no-such-model', '__proto__', 'a:b', '']) {
    await expectProblem(await postForm(gateway, { fields: { model } }), 'model_not_found')
  }
  await expectNothingStored(gateway)
})

test('without workers it waits in the queue until one comes', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  await startFakeWorker(t, gateway)
  await waitUntil('it is done', async () => (await getPrediction(gateway, id)).status === 'succeeded')
})
