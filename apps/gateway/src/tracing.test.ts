/** What a gateway makes of a client's trace, and which of its requests are spans. */
import { predictQueueName, PREDICT_JOB_NAME, type PredictJobData } from '@menagerie/contract/job'
import { startOtlpReceiver, type ReceivedSpan } from '@menagerie/harness/otlp-receiver'
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { atEnd } from './testing/at-end.ts'
import { makeFiles, submitBatch } from './testing/batches.ts'
import { failWith, startFakeWorker } from './testing/fake-worker.ts'
import { MODEL, openTestGateway } from './testing/open-test-gateway.ts'
import { startPrivateRedis } from './testing/private-redis.ts'
import { openRawClient, requestHead } from './testing/raw-client.ts'
import { getPrediction, PICTURE, postForm, readPrediction, submit } from './testing/requests.ts'

const SEND = `send ${predictQueueName(MODEL)}`
const OPERATOR_KEY = 'operator-key-of-a-test'

const makeTrace = (flags = '01') => {
  const traceId = randomBytes(16).toString('hex')
  return { traceId, headers: { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}` } }
}

const openTraced = async (t: TestContext, env: Record<string, string> = {}) => {
  const collector = await startOtlpReceiver()
  atEnd(t, 'collector', () => collector.stop())
  const gateway = await openTestGateway(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-key=of%20a%20test',
    ...env,
  })
  const waitForSpan = async (name: string, traceId?: string): Promise<ReceivedSpan> => {
    await waitUntil(`there is ${name}`, () => collector.find(name, traceId) !== undefined)
    return collector.find(name, traceId) as ReceivedSpan
  }
  const readJobData = async (id: string): Promise<PredictJobData> => {
    const job = await gateway.queue.getJob(id)
    assert.equal(job?.name, PREDICT_JOB_NAME)
    return job.data as PredictJobData
  }
  return { collector, gateway, waitForSpan, readJobData }
}

test('a request is a span by its route; what is refused is no error of the server; probes are none', async (t) => {
  const { collector, gateway, waitForSpan } = await openTraced(t)
  await startFakeWorker(t, gateway)
  for (const path of ['/livez', '/readyz', '/nowhere?token=secret', '/v1/models']) {
    await (await fetch(gateway.url + path)).arrayBuffer()
  }
  const refused = await postForm(gateway, { fields: { top_k: '0' } })
  assert.equal(refused.status, 400)
  const span = await waitForSpan('POST /v1/predictions')
  assert.deepEqual([span.attributes['http.response.status_code'], span.isError], [400, false])
  assert.equal(span.parentId, null)
  assert.equal((await waitForSpan('GET')).attributes['http.response.status_code'], 404)
  await waitForSpan('GET /v1/models')
  assert.doesNotMatch(JSON.stringify(collector.spans.map(({ attributes }) => attributes)), /secret/)
  assert.ok(!collector.spans.some(({ attributes }) => /livez|readyz/.test(String(attributes['url.path']))))
  assert.equal(collector.requests[0]?.url, '/v1/traces')
  assert.equal(collector.requests[0].headers['x-key'], 'of a test')
})

test('what the server cannot do is an error', async (t) => {
  const server = await startPrivateRedis(t)
  const { gateway, waitForSpan } = await openTraced(t, { REDIS_URL: server.url })
  await server.stop()
  const { traceId, headers } = makeTrace()
  assert.equal((await postForm(gateway, { headers })).status, 503)
  const span = await waitForSpan('POST /v1/predictions', traceId)
  assert.deepEqual([span.isError, span.attributes['error.type']], [true, '503'])
})

test('a header that names no trace is ignored', async (t) => {
  const { gateway, waitForSpan } = await openTraced(t)
  await startFakeWorker(t, gateway)
  await submit(gateway, { headers: { traceparent: '00-nothing-of-the-kind-01', tracestate: 'a=1' } })
  const { parentId, traceState } = await waitForSpan('POST /v1/predictions')
  assert.deepEqual([parentId, traceState], [null, ''])
})

test('a trace that the client does not record is not sent, but goes on', async (t) => {
  const { collector, gateway, waitForSpan, readJobData } = await openTraced(t)
  const unsampled = makeTrace('00')
  const { id } = await submit(gateway, unsampled)
  const { trace } = await readJobData(id)
  assert.match(trace?.traceparent ?? '', new RegExp(`^00-${unsampled.traceId}-[0-9a-f]{16}-00$`))
  assert.notEqual(trace?.traceparent, unsampled.headers.traceparent)

  const sampled = makeTrace()
  await submit(gateway, sampled)
  await waitForSpan('POST /v1/predictions', sampled.traceId)
  assert.ok(!collector.spans.some(({ traceId }) => traceId === unsampled.traceId))
})

test('OTEL_TRACES_SAMPLER decides where no client did', async (t) => {
  const { collector, gateway, waitForSpan } = await openTraced(t, {
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0',
  })
  await submit(gateway)
  const sampled = makeTrace()
  await submit(gateway, sampled)
  await waitForSpan('POST /v1/predictions', sampled.traceId)
  assert.ok(collector.spans.every(({ traceId }) => traceId === sampled.traceId))
})

test('a repetition with the same key is in its own trace, the prediction in the first', async (t) => {
  const { collector, gateway, waitForSpan, readJobData } = await openTraced(t)
  const [first, second] = [makeTrace(), makeTrace()]
  const post = ({ headers }: typeof first) =>
    submit(gateway, { headers: { ...headers, 'idempotency-key': 'a-key' } })
  const { id } = await post(first)
  assert.equal((await post(second)).id, id)
  const { attributes } = await waitForSpan('POST /v1/predictions', second.traceId)
  assert.equal(attributes['menagerie.prediction.id'], id)
  assert.equal(collector.find(SEND, second.traceId), undefined)
  const { spanId } = await waitForSpan(SEND, first.traceId)
  assert.equal((await readJobData(id)).trace?.traceparent, `00-${first.traceId}-${spanId}-01`)
})

test('a client that leaves before its answer has its span too, without a status', async (t) => {
  const { gateway, waitForSpan } = await openTraced(t)
  const { traceId, headers } = makeTrace()
  const client = await openRawClient(t, gateway.url)
  const about = { 'content-type': 'image/jpeg', 'content-length': PICTURE.length, prefer: 'wait=60' }
  client.send(requestHead('/v1/predictions', { ...about, ...headers }))
  client.send(PICTURE)
  const sent = await waitForSpan(SEND, traceId)
  client.socket.destroy()
  const span = await waitForSpan('POST /v1/predictions', traceId)
  assert.deepEqual([span.attributes['http.response.status_code'], span.isError], [undefined, false])
  assert.equal(sent.parentId, span.spanId)
  assert.equal(client.text(), '')
})

test('the pictures of a batch, and its webhook, are in the trace of its request', async (t) => {
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  const env = { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1' }
  const { gateway, waitForSpan, readJobData } = await openTraced(t, env)
  await startFakeWorker(t, gateway)
  const { traceId, headers } = makeTrace()
  const batch = await submitBatch(gateway, makeFiles(3), { headers, fields: { webhook: receiver.url } })
  const server = await waitForSpan('POST /v1/batches', traceId)
  for (const { prediction_id } of batch.items) {
    const { trace } = await readJobData(prediction_id ?? '')
    assert.equal(trace?.traceparent, `00-${traceId}-${server.spanId}-01`)
  }
  const sent = await waitForSpan(SEND, traceId)
  assert.deepEqual([sent.parentId, sent.attributes['messaging.batch.message_count']], [server.spanId, 3])
  await waitUntil('the webhook has arrived', () => receiver.received.length > 0)
  const sentWebhook = await waitForSpan('send webhooks', traceId)
  assert.equal((await waitForSpan('process webhooks', traceId)).parentId, sentWebhook.spanId)
  const post = await waitForSpan('POST', traceId)
  assert.equal(receiver.received[0]?.traceparent, `00-${traceId}-${post.spanId}-01`)
})

test('a replay is in the trace of the operator, with a link to what it repeats', async (t) => {
  const { gateway, waitForSpan } = await openTraced(t, { OPERATOR_KEY })
  await startFakeWorker(t, gateway, { answer: failWith('something unforeseen') })
  const [first, second] = [makeTrace(), makeTrace()]
  const { id } = await submit(gateway, first)
  assert.equal((await getPrediction(gateway, id, '?wait=60')).status, 'failed')
  const answer = await fetch(`${gateway.url}/v1/dead-letter/${id}/replay`, {
    method: 'POST',
    headers: { ...second.headers, authorization: `Bearer ${OPERATOR_KEY}` },
  })
  assert.equal(answer.status, 202)
  const { id: replayId } = await readPrediction(answer)
  const original = await waitForSpan(SEND, first.traceId)
  const replayed = await waitForSpan(SEND, second.traceId)
  assert.deepEqual(replayed.links, [original.spanId])
  assert.equal(replayed.attributes['menagerie.prediction.id'], replayId)
})

test('lines of the log name the trace and the prediction that a request made or names', async (t) => {
  const gateway = await openTestGateway(t)
  const { traceId, headers } = makeTrace()
  const { id } = await submit(gateway, { headers })
  await getPrediction(gateway, id)
  await (await fetch(`${gateway.url}/v1/predictions/${id}x`)).arrayBuffer()
  await waitUntil('all are logged', () => gateway.logText().split('"msg":"request"').length >= 4)
  const lines = gateway
    .logText()
    .split('\n')
    .filter((line) => line.includes('/v1/predictions'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .map(({ trace_id, span_id, predictionId }) => ({ trace_id, span_id, predictionId }))
  assert.deepEqual(lines, [
    { trace_id: traceId, span_id: undefined, predictionId: id },
    { trace_id: undefined, span_id: undefined, predictionId: id },
    { trace_id: undefined, span_id: undefined, predictionId: undefined },
  ])
})
