// One photo, one answer: a golden retriever is n02099601 by every way of asking and every way of waiting.
// Without the trained weights the stand-in answers, and all ways must agree on what it says.
import type { Batch, BatchResult } from '@menagerie/contract/batch'
import type { Prediction } from '@menagerie/contract/prediction'
import { makeForm } from '@menagerie/harness/form'
import { FIXTURES_DIR } from '@menagerie/harness/paths'
import { readTestPicture } from '@menagerie/harness/pictures'
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver } from '@menagerie/harness/webhook-receiver'
import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startService } from './service.ts'

test('every call gives the same answer', async (t) => {
  const service = await startService(t)
  const worker = await service.startWorker()
  const receiver = await startWebhookReceiver()
  t.after(() => receiver.stop())
  const { url } = service.gateway
  const picture = new Uint8Array(await readTestPicture())

  const first = await fetch(`${url}/`, { method: 'POST', body: makeForm(picture) })
  assert.equal(first.status, 200)
  const bytes = await first.text()
  const expected = JSON.parse(bytes) as { class_id: string; class_name: string }
  assert.equal(bytes, `{"class_id":"${expected.class_id}","class_name":"${expected.class_name}"}\n`)
  if (FIXTURES_DIR !== null) {
    assert.equal(bytes, '{"class_id":"n02099601","class_name":"golden_retriever"}\n')
  }
  assert.equal(first.headers.get('menagerie-trained'), FIXTURES_DIR === null ? 'false' : null)

  assert.equal(first.headers.get('menagerie-confident'), FIXTURES_DIR === null ? 'false' : null)

  const assertSame = (prediction: Prediction): void => {
    assert.equal(prediction.status, 'succeeded')
    assert.equal(prediction.output?.class_id, expected.class_id)
    assert.equal(prediction.output?.class_name, expected.class_name)
    assert.equal(prediction.model.trained, FIXTURES_DIR !== null)
    assert.equal(prediction.output?.confident, FIXTURES_DIR !== null)
  }

  await t.test('multipart with Prefer: wait', async () => {
    const answer = await fetch(`${url}/v1/predictions`, {
      method: 'POST',
      headers: { prefer: 'wait=30' },
      body: makeForm(picture, { top_k: '3', metadata: '{"order":"A-17"}' }),
    })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('preference-applied'), 'wait=30')
    const prediction = (await answer.json()) as Prediction
    assertSame(prediction)
    assert.equal(prediction.output?.top_k.length, 3)
    assert.deepEqual(prediction.metadata, { order: 'A-17' })
  })

  await t.test('JSON with a data URL', async () => {
    const image = `data:image/jpeg;base64,${Buffer.from(picture).toString('base64')}`
    const answer = await fetch(`${url}/v1/predictions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=30' },
      body: JSON.stringify({ input: { image }, top_k: 2 }),
    })
    assert.equal(answer.status, 200)
    const prediction = (await answer.json()) as Prediction
    assertSame(prediction)
    assert.equal(prediction.output?.top_k.length, 2)
  })

  await t.test('the calls of the Open Inference Protocol and of TorchServe', async () => {
    const model = service.env['MODEL'] ?? ''
    const infer = await fetch(`${url}/v2/models/${model}/infer`, {
      method: 'POST',
      body: JSON.stringify({
        inputs: [
          {
            name: 'image',
            shape: [1],
            datatype: 'BYTES',
            data: [Buffer.from(picture).toString('base64')],
          },
        ],
        outputs: [{ name: 'class_id' }],
      }),
    })
    const { outputs } = (await infer.json()) as { outputs: Array<{ data: string[] }> }
    assert.equal(outputs[0]?.data[0], expected.class_id)
    const put = await fetch(`${url}/predictions/${model}`, { method: 'PUT', body: picture })
    assert.equal(Object.keys((await put.json()) as object)[0], expected.class_name)
  })

  await t.test('a raw image with options in the query, then a long poll', async () => {
    const accepted = await fetch(`${url}/v1/predictions?top_k=1`, {
      method: 'POST',
      headers: { 'content-type': 'image/jpeg' },
      body: picture,
    })
    assert.equal(accepted.status, 202)
    const location = accepted.headers.get('location') ?? ''
    const ended = await fetch(new URL(`${location}?wait=30`, url))
    const prediction = (await ended.json()) as Prediction
    assertSame(prediction)
    assert.equal(prediction.output?.top_k.length, 1)
  })

  await t.test('polling', async () => {
    const { id } = await service.submit(picture)
    const [prediction] = await service.waitForAll([id])
    assert.ok(prediction)
    assertSame(prediction)
  })

  await t.test('a batch, and its results as lines', async () => {
    const form = new FormData()
    for (const name of ['a.jpg', 'b.jpg']) form.append('file', new Blob([picture]), name)
    const headers = { 'cache-control': 'no-cache' }
    const accepted = await fetch(`${url}/v1/batches`, { method: 'POST', body: form, headers })
    assert.equal(accepted.status, 202)
    const { urls } = (await accepted.json()) as Batch
    const lines = (await (await fetch(urls.results)).text()).trimEnd().split('\n')
    const results = lines.map((line) => JSON.parse(line) as BatchResult)
    assert.deepEqual(
      results.map(({ custom_id, status, output }) => [custom_id, status, output?.class_id]),
      [
        ['a.jpg', 'succeeded', expected.class_id],
        ['b.jpg', 'succeeded', expected.class_id],
      ],
    )
    const { status } = (await (await fetch(urls.get)).json()) as Batch
    assert.equal(status, 'completed')
  })

  await t.test('a signed webhook', async () => {
    const { id } = await service.submit(picture, { webhook: receiver.url })
    await waitUntil('the webhook has arrived', () => receiver.received.length > 0)
    const [webhook] = receiver.received
    assert.equal(webhook?.id, `wh-${id}`)
    assert.equal(webhook?.isSignatureValid, true)
    assert.equal(webhook?.event.type, 'prediction.completed')
    assertSame(webhook?.event.data as Prediction)
  })

  await t.test('both processes stop cleanly', async () => {
    assert.equal(await worker.stop(), 0, worker.log())
    assert.equal(await service.gateway.stop(), 0, service.gateway.log())
  })

  await t.test('no upload is left behind', async () => {
    const redis = new Redis(service.redis.url)
    assert.deepEqual(await redis.keys('menagerie:upload:*'), [])
    redis.disconnect()
  })
})
