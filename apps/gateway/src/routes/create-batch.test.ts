import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  getBatch,
  getResults,
  makeFiles,
  makePicture,
  makeZip,
  postBatch,
  postZip,
  readBatch,
  submitBatch,
} from '../testing/batches.ts'
import { registerFakeWorker, startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { expectNothingStored, expectProblem, getPrediction, PICTURE, postBody } from '../testing/requests.ts'

test('many files become a batch of ordinary predictions, in order, named by their files', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const answer = await postBatch(gateway, makeFiles(3), { fields: { metadata: '{"day":1}', top_k: '2' } })
  assert.equal(answer.status, 202)
  const batch = await readBatch(answer)
  assert.equal(answer.headers.get('location'), `/v1/batches/${batch.id}`)
  assert.equal(batch.total, 3)
  assert.deepEqual(batch.metadata, { day: 1 })
  assert.deepEqual(batch.urls, {
    get: `${gateway.url}/v1/batches/${batch.id}`,
    results: `${gateway.url}/v1/batches/${batch.id}/results`,
    cancel: `${gateway.url}/v1/batches/${batch.id}/cancel`,
  })

  const results = await getResults(gateway, batch.id)
  assert.deepEqual(
    results.map(({ index, custom_id, status }) => [index, custom_id, status]),
    [
      [0, '0.jpg', 'succeeded'],
      [1, '1.jpg', 'succeeded'],
      [2, '2.jpg', 'succeeded'],
    ],
  )
  for (const { prediction_id, output, metadata } of results) {
    const prediction = await getPrediction(gateway, prediction_id ?? '')
    assert.equal(prediction.status, 'succeeded')
    assert.equal(output?.top_k.length, 2)
    assert.deepEqual(prediction.output, output)
    assert.deepEqual(metadata, { day: 1 })
  }

  const ended = await getBatch(gateway, batch.id)
  assert.equal(ended.status, 'completed')
  assert.equal(ended.counts.succeeded, 3)
  const { completed_at, expires_at } = ended
  assert.equal(Date.parse(expires_at ?? '') - Date.parse(completed_at ?? ''), gateway.config.resultTtlMs)
})

test('items gives files their custom_id and metadata', async (t) => {
  const gateway = await openTestGateway(t)
  const items = {
    '0.jpg': { custom_id: 'order-17', metadata: { shelf: 3 } },
    '1.jpg': { metadata: { shelf: 4 } },
  }
  const fields = { items: JSON.stringify(items), metadata: '{"of":"all"}' }
  const batch = await submitBatch(gateway, makeFiles(3), { fields })
  assert.deepEqual(
    batch.items.map(({ custom_id }) => custom_id),
    ['order-17', '1.jpg', '2.jpg'],
  )
  const metadata = batch.items.map(
    async ({ prediction_id }) => (await getPrediction(gateway, prediction_id ?? '')).metadata,
  )
  assert.deepEqual(await Promise.all(metadata), [{ shelf: 3 }, { shelf: 4 }, { of: 'all' }])
})

test('a file that is no picture fails alone, and makes no job', async (t) => {
  const gateway = await openTestGateway(t, { UPLOAD_BYTES_MAX: '4000' })
  await startFakeWorker(t, gateway)
  const large = Buffer.concat([PICTURE, Buffer.alloc(400_000, 7)])
  const batch = await submitBatch(gateway, [
    ['good.jpg', makePicture(1)],
    ['text.jpg', Buffer.from('this is a text and not a picture, whatever its name says')],
    ['large.jpg', large],
    ['empty.jpg', Buffer.alloc(0)],
    ['nested.zip', await makeZip([['a.jpg', PICTURE]])],
    ['last.jpg', makePicture(2)],
  ])
  const results = await getResults(gateway, batch.id)
  assert.deepEqual(
    results.map(({ custom_id, status, error }) => [custom_id, status, error?.code ?? null]),
    [
      ['good.jpg', 'succeeded', null],
      ['text.jpg', 'failed', 'image_type_unsupported'],
      ['large.jpg', 'failed', 'payload_too_large'],
      ['empty.jpg', 'failed', 'file_empty'],
      ['nested.zip', 'failed', 'image_type_unsupported'],
      ['last.jpg', 'succeeded', null],
    ],
  )
  assert.match(results[4]?.error?.message ?? '', /a ZIP archive/)
  assert.ok(results.every(({ prediction_id, status }) => (prediction_id === null) === (status === 'failed')))
  assert.equal(await gateway.queue.getCompletedCount(), 2)
  const { status, counts } = await getBatch(gateway, batch.id)
  assert.equal(status, 'completed')
  assert.deepEqual([counts.succeeded, counts.failed], [2, 4])
})

test('a batch of which every picture is refused has ended at once', async (t) => {
  const gateway = await openTestGateway(t)
  const batch = await submitBatch(gateway, [
    ['a.jpg', Buffer.from('no picture at all, only some text in a file')],
  ])
  assert.equal(batch.status, 'completed')
  assert.equal(batch.counts.failed, 1)
  assert.equal((await getResults(gateway, batch.id)).length, 1)
  await expectNothingStored(gateway)
})

const refusals: Array<
  [
    title: string,
    code: Parameters<typeof expectProblem>[1],
    send: (gateway: TestGateway) => Promise<Response>,
  ]
> = [
  ['no file', 'batch_invalid', (gateway) => postBatch(gateway, [], { fields: { top_k: '1' } })],
  ['more than 1,000 files', 'batch_invalid', (gateway) => postBatch(gateway, makeFiles(1001))],
  ['far more than 1,000 files', 'batch_invalid', (gateway) => postBatch(gateway, makeFiles(1100))],
  ['too many bytes', 'payload_too_large', (gateway) => postBatch(gateway, makeFiles(600))],
  [
    'two files of one name',
    'batch_invalid',
    (gateway) =>
      postBatch(gateway, [
        ['a.jpg', PICTURE],
        ['a.jpg', PICTURE],
      ]),
  ],
  [
    'two items of one custom_id',
    'batch_invalid',
    (gateway) => postBatch(gateway, makeFiles(2), { fields: { items: '{"0.jpg":{"custom_id":"1.jpg"}}' } }),
  ],
  [
    'items about a file that is not there',
    'batch_invalid',
    (gateway) => postBatch(gateway, makeFiles(2), { fields: { items: '{"9.jpg":{"custom_id":"a"}}' } }),
  ],
  [
    'items that is no JSON',
    'request_invalid',
    (gateway) => postBatch(gateway, makeFiles(1), { fields: { items: '{' } }),
  ],
  [
    'items with a misspelt option',
    'request_invalid',
    (gateway) => postBatch(gateway, makeFiles(1), { fields: { items: '{"0.jpg":{"customId":"a"}}' } }),
  ],
  [
    'an option that does not exist',
    'request_invalid',
    (gateway) => postBatch(gateway, makeFiles(1), { fields: { topk: '1' } }),
  ],
  [
    'metadata that is no object',
    'request_invalid',
    (gateway) => postBatch(gateway, makeFiles(1), { fields: { metadata: '[]' } }),
  ],
  [
    'a model that does not exist',
    'model_not_found',
    (gateway) => postBatch(gateway, makeFiles(1), { fields: { model: 'no-such-model' } }),
  ],
  [
    'a webhook where there is no secret',
    'webhooks_disabled',
    (gateway) => postBatch(gateway, makeFiles(1), { fields: { webhook: 'https://example.com' } }),
  ],
  [
    'a picture as the body',
    'media_type_unsupported',
    (gateway) => postBody(gateway, '/v1/batches', 'image/jpeg', PICTURE),
  ],
  ['no body', 'file_missing', (gateway) => fetch(`${gateway.url}/v1/batches`, { method: 'POST' })],
  [
    'a field behind the first file',
    'request_invalid',
    (gateway) => {
      const form = new FormData()
      form.append('file', new Blob([new Uint8Array(PICTURE)]), 'a.jpg')
      form.append('top_k', '1')
      return fetch(`${gateway.url}/v1/batches`, { method: 'POST', body: form })
    },
  ],
]

for (const [title, code, send] of refusals) {
  test(`${title}: refused as a whole, and nothing is left`, async (t) => {
    const gateway = await openTestGateway(t, {
      BATCH_BYTES_MAX: title === 'too many bytes' ? '1000000' : '10000000',
    })
    await registerFakeWorker(t, gateway)
    await expectProblem(await send(gateway), code)
    await expectNothingStored(gateway)
    assert.deepEqual(await gateway.redis.keys(`${gateway.prefix}:batch[:-]*`), [])
  })
}

test('a declared length over the cap is refused before the body', async (t) => {
  const gateway = await openTestGateway(t, { BATCH_BYTES_MAX: '1000' })
  const problem = await expectProblem(await postZip(gateway, Buffer.alloc(5_000_000)), 'payload_too_large')
  assert.match(problem.detail, /1000 bytes/)
})

test('a form that ends early is refused, and the pictures that had arrived are dropped', async (t) => {
  const gateway = await openTestGateway(t)
  const request = new Request('http://x', {
    method: 'POST',
    body: (() => {
      const form = new FormData()
      for (const [name, bytes] of makeFiles(3)) form.append('file', new Blob([new Uint8Array(bytes)]), name)
      return form
    })(),
  })
  const body = Buffer.from(await request.arrayBuffer())
  const type = request.headers.get('content-type') ?? ''
  const answer = await postBody(gateway, '/v1/batches', type, body.subarray(0, body.length - 500))
  await expectProblem(answer, 'multipart_invalid')
  await expectNothingStored(gateway)
})

test('Cancel-After is meant for every item: what no worker began in time has expired', async (t) => {
  const gateway = await openTestGateway(t)
  const batch = await submitBatch(gateway, makeFiles(2), { headers: { 'cancel-after': '0.05s' } })
  const results = await getResults(gateway, batch.id)
  assert.deepEqual(
    results.map(({ status }) => status),
    ['expired', 'expired'],
  )
  assert.equal((await getBatch(gateway, batch.id)).status, 'completed')
})

test('an answer that is known is not asked for again', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const first = await submitBatch(gateway, makeFiles(2))
  await getResults(gateway, first.id)
  assert.equal((await submitBatch(gateway, makeFiles(2))).total, 2)
})

test('1,000 pictures in one batch', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, { concurrency: 50 })
  const batch = await submitBatch(gateway, makeFiles(1000))
  assert.equal(batch.total, 1000)
  assert.equal(batch.items.length, 100)
  assert.equal(batch.has_more, true)
  const results = await getResults(gateway, batch.id)
  assert.deepEqual(
    results.map(({ custom_id }) => custom_id),
    Array.from({ length: 1000 }, (_, i) => `${i}.jpg`),
  )
  assert.ok(results.every(({ status }) => status === 'succeeded'))
  const page = await getBatch(gateway, batch.id, '?offset=990&limit=20')
  assert.deepEqual(
    page.items.map(({ index }) => index),
    [990, 991, 992, 993, 994, 995, 996, 997, 998, 999],
  )
  assert.equal(page.has_more, false)
  assert.equal(page.counts.succeeded, 1000)
})
