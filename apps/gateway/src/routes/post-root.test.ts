import type { ErrorCode } from '@menagerie/contract/errors'
import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGate, failWith, LABELS, makeReturnValue, startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway } from '../testing/open-test-gateway.ts'
import { expectProblem, getPrediction, PICTURE, postBody, postForm } from '../testing/requests.ts'

const EXACT_ANSWER = '{"class_id":"n02099601","class_name":"golden_retriever"}\n'

test('answers the bytes of the old server, whatever the form field is called', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  for (const field of ['file', 'image', 'a field of any name']) {
    const form = new FormData()
    form.set(field, new Blob([PICTURE]), 'dog.jpg')
    const answer = await fetch(`${gateway.url}/`, { method: 'POST', body: form })
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('content-type') ?? '', /^application\/json\b/)
    assert.equal(answer.headers.get('content-length'), String(EXACT_ANSWER.length))
    assert.equal(answer.headers.get('menagerie-trained'), null)
    assert.equal(answer.headers.get('menagerie-confident'), null)
    assert.equal(await answer.text(), EXACT_ANSWER)
  }
})

test('takes a picture as the body itself, and ignores other form fields, as the old server did', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const raw = await postBody(gateway, '/', 'image/jpeg', PICTURE)
  assert.equal(await raw.text(), EXACT_ANSWER)
  const form = await postForm(gateway, { path: '/', fields: { top_k: 'abc', whatever: 'x' } })
  assert.equal(await form.text(), EXACT_ANSWER)
})

test('leaves no picture behind once it has answered', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  await (await postForm(gateway, { path: '/' })).text()
  await waitUntil('the picture is gone', async () => (await gateway.listUploads()).length === 0)
})

test('says so when an untrained stand-in answered', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = async () => makeReturnValue({ trained: false })
  await startFakeWorker(t, gateway, { answer, model: { trained: false } })
  const response = await postForm(gateway, { path: '/' })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('menagerie-trained'), 'false')
  assert.equal(await response.text(), EXACT_ANSWER)
})

test('says so when the model is unsure, and keeps the bytes', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, { answer: async () => makeReturnValue({ confident: false }) })
  const response = await postForm(gateway, { path: '/' })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('menagerie-confident'), 'false')
  assert.equal(response.headers.get('menagerie-trained'), null)
  assert.equal(await response.text(), EXACT_ANSWER)
})

test('names a class by its index when the labels do not reach so far', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = async () => makeReturnValue({ top_k: [[LABELS.length, 1]] })
  await startFakeWorker(t, gateway, { answer })
  const response = await postForm(gateway, { path: '/' })
  assert.deepEqual(await response.json(), { class_id: 'index_3', class_name: 'class 3' })
})

test('waits for a slow answer', async (t) => {
  const gateway = await openTestGateway(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const asked = postForm(gateway, { path: '/' })
  await waitUntil('it runs', async () => (await gateway.queue.getActiveCount()) === 1)
  gate.open()
  assert.equal(await (await asked).text(), EXACT_ANSWER)
})

test('answers 504 with the URL of the prediction when nobody works on it', async (t) => {
  const gateway = await openTestGateway(t, { SYNC_TIMEOUT: '0.1s' })
  const answer = await postForm(gateway, { path: '/' })
  const location = answer.headers.get('location') ?? ''
  const problem = await expectProblem(answer, 'prediction_timeout')
  assert.equal(problem.prediction_url, `${gateway.url}${location}`)
  assert.ok(problem.detail.includes(problem.prediction_url))

  const waiting = (await (await fetch(problem.prediction_url)).json()) as { status: string }
  assert.equal(waiting.status, 'queued')
  await startFakeWorker(t, gateway)
  const prediction = await getPrediction(gateway, location.split('/').at(-1) ?? '', '?wait=60')
  assert.equal(prediction.status, 'succeeded')
  assert.equal(prediction.output?.class_name, 'golden_retriever')
})

test('PUBLIC_URL is the base of the URLs in answers', async (t) => {
  const gateway = await openTestGateway(t, { SYNC_TIMEOUT: '0s', PUBLIC_URL: 'https://photos.example/api/' })
  const problem = await expectProblem(await postForm(gateway, { path: '/' }), 'prediction_timeout')
  assert.match(problem.prediction_url ?? '', /^https:\/\/photos\.example\/api\/v1\/predictions\/[\w-]+$/)
})

const OUTCOMES: Array<[failedReason: string, code: ErrorCode, detail: string]> = [
  ['image_undecodable: the JPEG ends early', 'image_undecodable', 'the JPEG ends early'],
  ['image_too_large: it has 80 megapixels', 'image_too_large', 'it has 80 megapixels'],
  ['decode_timeout: it took over 10 s', 'decode_timeout', 'it took over 10 s'],
  ['upload_expired: the uploaded picture is gone', 'upload_expired', 'the uploaded picture is gone'],
  ['payload_invalid: not a prediction', 'payload_invalid', 'not a prediction'],
  ['inference_failed: the model broke', 'inference_failed', 'the model broke'],
  [
    'job stalled more than allowable limit',
    'worker_lost',
    'every worker that started this prediction died while running it',
  ],
  [
    'connect ECONNREFUSED redis://:secret@10.0.0.7 at Worker (/srv/app.js)',
    'internal_error',
    'the prediction failed; the worker log has the reason',
  ],
  ['no_such_code: secret', 'internal_error', 'the prediction failed; the worker log has the reason'],
]

for (const [failedReason, code, detail] of OUTCOMES) {
  test(`a prediction that failed with "${failedReason.slice(0, 40)}" is answered as ${code}`, async (t) => {
    const gateway = await openTestGateway(t)
    await startFakeWorker(t, gateway, { answer: failWith(failedReason) })
    const answer = await postForm(gateway, { path: '/' })
    const problem = await expectProblem(answer, code)
    assert.equal(problem.detail, detail)
    assert.match(problem.prediction_url ?? '', /\/v1\/predictions\/[\w-]+$/)
    assert.ok(!JSON.stringify(problem).includes('secret'))
  })
}

test('a prediction that was canceled is answered as prediction_canceled', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, {
    answer: async (job) => {
      await gateway.redis.hset(gateway.queue.toKey(job.id ?? ''), 'canceledAt', Date.now())
      return makeReturnValue()
    },
  })
  await expectProblem(await postForm(gateway, { path: '/' }), 'prediction_canceled')
})

test('a deadline that passes while somebody waits ends the waiting as prediction_expired', async (t) => {
  const gateway = await openTestGateway(t, { MAX_QUEUE_AGE: '0.1s' })
  await expectProblem(await postForm(gateway, { path: '/' }), 'prediction_expired')
})
