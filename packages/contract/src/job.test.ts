import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { PayloadEnvelope, PredictJobData, PredictReturnValue, WebhookJobData } from './job.ts'
import { TOP_K_MAX } from './prediction.ts'

const data: PredictJobData = {
  v: 1,
  model: 'densenet-121',
  top_k: 5,
  upload: { id: 'u1', bytes: 81_234, sha256: 'ab'.repeat(32), content_type: 'image/jpeg', filename: null },
  metadata: { order: 'A-17', nested: { list: [1, null] } },
  deadline: 1_790_000_000_000,
}

test('a worker accepts fields that a newer gateway has added', () => {
  assert.ok(Value.Check(PredictJobData, data))
  assert.ok(Value.Check(PredictJobData, { ...data, priority: 'low', upload: { ...data.upload, etag: 'x' } }))
})

test('a payload of a later version is not read as one of ours, and still shows its version', () => {
  const later = { v: 2, images: [] }
  assert.equal(Value.Check(PredictJobData, { ...data, v: 2 }), false)
  assert.equal(Value.Check(WebhookJobData, later), false)
  assert.ok(Value.Check(PayloadEnvelope, later))
})

const BAD: [what: string, data: unknown][] = [
  ['no object', 'text'],
  ['null', null],
  ['no version', { ...data, v: undefined }],
  ['a version as text', { ...data, v: '1' }],
  ['top_k of 0', { ...data, top_k: 0 }],
  ['a top_k above the most', { ...data, top_k: TOP_K_MAX + 1 }],
  ['half a top_k', { ...data, top_k: 2.5 }],
  ['no upload', { ...data, upload: undefined }],
  ['an upload without a digest', { ...data, upload: { ...data.upload, sha256: undefined } }],
  ['a file name that is a number', { ...data, upload: { ...data.upload, filename: 7 } }],
  ['metadata that is a list', { ...data, metadata: ['a'] }],
  ['no deadline', { ...data, deadline: null }],
]
test('job data of any other form is refused', () => {
  for (const [what, payload] of BAD) assert.equal(Value.Check(PredictJobData, payload), false, what)
})

test('the largest return value stays under the 1 kB that every gateway reads per prediction', () => {
  const value: PredictReturnValue = {
    top_k: Array.from({ length: TOP_K_MAX }, (_, i) => [999 - i, 0.012345]),
    cache: 'miss',
    confident: false,
    preprocess_ms: 12_345.67,
    predict_ms: 12_345.67,
    worker: `menagerie-worker-${'x'.repeat(64)}`,
    digest: `sha256:${'f'.repeat(64)}`,
    trained: false,
  }
  assert.ok(Value.Check(PredictReturnValue, value))
  const bytes = Buffer.byteLength(JSON.stringify(value))
  assert.ok(bytes < 1000, `${bytes} bytes`)
})

test('a return value has at least one class, as a pair', () => {
  const value = {
    top_k: [[1, 0.5]],
    cache: 'miss',
    confident: true,
    preprocess_ms: 1,
    predict_ms: 1,
    worker: 'w',
    digest: 'd',
    trained: true,
  }
  assert.ok(Value.Check(PredictReturnValue, value))
  for (const topK of [[], [[1]], [[1, 0.5, 'cat']], [['cat', 0.5]], [[1.5, 0.5]]]) {
    assert.equal(Value.Check(PredictReturnValue, { ...value, top_k: topK }), false, JSON.stringify(topK))
  }
})
