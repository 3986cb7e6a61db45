// Each attempt is a span of its own in the trace of its prediction, also when another process makes it: after a failed
// delivery and a restart of the gateway, and after a worker that was killed, whose spans alone are lost.
import { makeJpeg, readTestPicture } from '@menagerie/harness/pictures'
import { startGateway, waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver } from '@menagerie/harness/webhook-receiver'
import type { Prediction } from '@menagerie/contract/prediction'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, collect, makeTraceparent, startTracedService, type TracedService } from './traced-service.ts'

// More than a worker does before the test has seen that it does something.
const JOBS = 100

test('a webhook that another gateway delivers in the end', async (t) => {
  const service = await startTracedService(t)
  await service.startWorker({ INFERENCE_THREADS: '1' })
  const receiver = await startWebhookReceiver({ answer: (attempt) => (attempt === 1 ? 500 : 200) })
  t.after(() => receiver.stop())
  const { traceId, traceparent } = makeTraceparent()

  await ask(service.gateway.url, await readTestPicture(), {
    traceparent,
    fields: { webhook: receiver.url, webhook_events_filter: 'completed' },
  })
  await waitUntil('the first attempt was made', () => receiver.received.length > 0)
  assert.equal(await service.gateway.stop(), 0)
  const second = await startGateway(service.env)
  t.after(() => second.stop())
  await waitUntil('it was delivered', () => receiver.received.length > 1)

  const find = await collect(service, traceId, { 'process webhooks': 2, POST: 2 })
  const attempts = [find('process webhooks', 0), find('process webhooks', 1)]
  assert.deepEqual(
    attempts.map(({ isError, attributes }) => [attributes['menagerie.attempt'], isError]),
    [
      [1, true],
      [2, false],
    ],
  )
  assert.equal(attempts[0]?.parentId, attempts[1]?.parentId)
  assert.equal(find('POST', 0).attributes['error.type'], '500')
  const failed = service.gateway
    .log()
    .split('\n')
    .find((line) => line.includes('webhook attempt failed'))
  assert.match(failed ?? '', new RegExp(`"trace_id":"${traceId}"`))
})

/** Predictions in one trace, and a worker that has begun with them. */
const beginMany = async (service: TracedService, workerEnv: Record<string, string> = {}) => {
  // So that the model is known.
  await (await service.startWorker()).stop()
  const { traceId, traceparent } = makeTraceparent()
  const picture = await readTestPicture()
  const answers = await Promise.all(
    Array.from({ length: JOBS }, () =>
      ask(service.gateway.url, picture, { traceparent, headers: { prefer: 'respond-async' } }),
    ),
  )
  const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as Prediction).id))
  const worker = await service.startWorker({ INFERENCE_THREADS: '1', ...workerEnv })
  await waitUntil('one is being processed', async () => {
    const all = await Promise.all(ids.map((id) => service.read(id)))
    return all.some(({ status }) => status === 'processing')
  })
  const listRuns = () =>
    service.collector.spans.filter(
      (span) => span.traceId === traceId && span.name === `process predict.${service.env['MODEL']}`,
    )
  return { ids, worker, listRuns }
}

test('what a killed worker had begun, and another runs', async (t) => {
  const service = await startTracedService(t, { JOB_LOCK: '1s' })
  const { ids, worker, listRuns } = await beginMany(service)
  await worker.kill('SIGKILL')
  await service.startWorker({ INFERENCE_THREADS: '1' })
  await service.waitForAll(ids)
  await waitUntil('a later attempt is in the trace', () =>
    listRuns().some((run) => Number(run.attributes['menagerie.attempt']) > 1),
  )
  assert.ok(listRuns().every((run) => !run.isError))
})

test('what a worker hands back when it stops is no failure, and its last spans are sent', async (t) => {
  const service = await startTracedService(t)
  const { ids, worker, listRuns } = await beginMany(service, { DRAIN_TIMEOUT: '0s' })
  assert.equal(await worker.stop(), 0, worker.log())
  const outcomes = listRuns().map((run) => run.attributes['menagerie.outcome'])
  assert.ok(outcomes.includes('handed_back'), String(outcomes))
  await service.startWorker({ INFERENCE_THREADS: '1' })
  await service.waitForAll(ids)
  await waitUntil('all have their last attempt in the trace', () => {
    const ended = listRuns().filter((run) => run.attributes['menagerie.outcome'] === 'succeeded')
    return new Set(ended.map((run) => run.attributes['menagerie.prediction.id'])).size === JOBS
  })
  assert.ok(listRuns().every((run) => !run.isError))
})

test('an answer that is known, and a picture that cannot be decoded', async (t) => {
  const service = await startTracedService(t, { CACHE_TTL: '1h' })
  const { url } = service.gateway
  const queue = `predict.${service.env['MODEL']}`
  const worker = await service.startWorker({ INFERENCE_THREADS: '1' })
  const [first, known, broken] = [makeTraceparent(), makeTraceparent(), makeTraceparent()]

  await ask(url, await readTestPicture(), first)
  await collect(service, first.traceId, { [`process ${queue}`]: 1 })
  await ask(url, await readTestPicture(), known)
  const findKnown = await collect(service, known.traceId, { [`process ${queue}`]: 1 })
  assert.equal(findKnown(`process ${queue}`).attributes['menagerie.cache'], 'hit')
  assert.equal(service.collector.find('predict', known.traceId), undefined)

  const picture = await makeJpeg()
  const answer = await ask(url, picture.subarray(0, picture.length / 2).fill(0xff, 200), broken)
  assert.equal(answer.status, 200)
  const findBroken = await collect(service, broken.traceId, {
    [`process ${queue}`]: 1,
    'POST /v1/predictions': 1,
  })
  const run = findBroken(`process ${queue}`)
  assert.deepEqual([run.isError, run.attributes['error.type']], [true, 'image_undecodable'])
  assert.equal(findBroken('POST /v1/predictions').isError, false)
  assert.match(worker.log(), new RegExp(`"trace_id":"${broken.traceId}"`))
})
