// One trace holds a prediction from its request to its webhooks, whoever works on it: it continues the client's, goes
// through the queue and the worker, and is passed on to the receiver. Nothing that is a user's is in it.
import { readTestPicture } from '@menagerie/harness/pictures'
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver } from '@menagerie/harness/webhook-receiver'
import type { Prediction } from '@menagerie/contract/prediction'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, collect, makeTraceparent, startTracedService } from './traced-service.ts'

test('from the request through queue and worker to the webhooks', async (t) => {
  const service = await startTracedService(t)
  const receiver = await startWebhookReceiver()
  t.after(() => receiver.stop())
  const worker = await service.startWorker({ INFERENCE_THREADS: '1' })
  const queue = `predict.${service.env['MODEL']}`
  const { traceId, spanId, traceparent } = makeTraceparent()

  const answer = await ask(service.gateway.url, await readTestPicture(), {
    traceparent,
    headers: { tracestate: 'vendor=value' },
    fields: {
      webhook: `${receiver.url}/secret-path?token=secret-token`,
      webhook_events_filter: 'start,completed',
      metadata: '{"note":"secret-note"}',
    },
  })
  assert.equal(answer.status, 200)
  const { id } = (await answer.json()) as Prediction
  await waitUntil('both webhooks have arrived', () => receiver.received.length === 2)
  const find = await collect(service, traceId, {
    'POST /v1/predictions': 1,
    'process webhooks': 2,
    POST: 2,
    [`process ${queue}`]: 1,
  })

  const server = find('POST /v1/predictions')
  const sent = find(`send ${queue}`)
  const run = find(`process ${queue}`)
  const sentStart = find('send webhooks')
  const webhooks = [find('process webhooks', 0), find('process webhooks', 1)]
  const parents = {
    server: server.parentId,
    sent: sent.parentId,
    'store put': find('store put').parentId,
    'wait for the end': find('wait for the end').parentId,
    run: run.parentId,
    'store get': find('store get').parentId,
    preprocess: find('preprocess').parentId,
    predict: find('predict').parentId,
    'send webhooks': sentStart.parentId,
  }
  assert.deepEqual(parents, {
    server: spanId,
    sent: server.spanId,
    'store put': sent.spanId,
    'wait for the end': server.spanId,
    run: sent.spanId,
    'store get': run.spanId,
    preprocess: run.spanId,
    predict: run.spanId,
    'send webhooks': run.spanId,
  })
  assert.deepEqual(
    new Set(webhooks.map(({ parentId }) => parentId)),
    new Set([sentStart.spanId, sent.spanId]),
  )
  const posts = [find('POST', 0), find('POST', 1)]
  assert.deepEqual(
    new Set(posts.map(({ parentId }) => parentId)),
    new Set(webhooks.map((webhook) => webhook.spanId)),
  )
  assert.deepEqual(
    new Set(receiver.received.map((webhook) => webhook.traceparent)),
    new Set(posts.map((post) => `00-${traceId}-${post.spanId}-01`)),
  )

  const describe = ({ kind, service }: typeof server) => [kind, service]
  assert.deepEqual(describe(server), ['server', 'menagerie-gateway'])
  assert.deepEqual(describe(sent), ['producer', 'menagerie-gateway'])
  assert.deepEqual(describe(run), ['consumer', 'menagerie-worker'])
  assert.deepEqual(describe(find('predict')), ['internal', 'menagerie-worker'])
  assert.deepEqual(describe(find('process webhooks')), ['consumer', 'menagerie-gateway'])
  assert.deepEqual(describe(find('POST')), ['client', 'menagerie-gateway'])

  const all = service.collector.spans.filter((span) => span.traceId === traceId)
  assert.ok(all.every((span) => !span.isError && span.endNs >= span.startNs))
  assert.ok(all.every((span) => span.traceState === 'vendor=value'))
  assert.ok(find('preprocess').endNs <= find('predict').endNs)
  assert.ok(run.startNs <= find('preprocess').startNs && find('predict').endNs <= run.endNs)
  assert.equal(server.attributes['http.route'], '/v1/predictions')
  assert.equal(server.attributes['http.response.status_code'], 200)
  assert.equal(server.attributes['menagerie.prediction.id'], id)
  assert.equal(run.attributes['messaging.system'], 'bullmq')
  assert.equal(run.attributes['messaging.operation.type'], 'process')
  assert.equal(run.attributes['messaging.destination.name'], queue)
  assert.equal(run.attributes['messaging.message.id'], id)
  assert.equal(run.attributes['menagerie.model'], service.env['MODEL'])
  assert.equal(run.attributes['menagerie.cache'], 'miss')
  assert.equal(find('POST').attributes['server.address'], '127.0.0.1')
  const text = JSON.stringify(all, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  assert.doesNotMatch(text, /secret/)

  const lines = service.gateway
    .log()
    .split('\n')
    .filter((line) => line.includes(traceId))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const line = lines.find(({ msg }) => msg === 'request')
  assert.deepEqual([line?.['span_id'], line?.['predictionId']], [server.spanId, id])
  assert.ok(lines.some(({ msg, predictionId }) => msg === 'webhook delivered' && predictionId === id))
  assert.equal(await worker.stop(), 0, worker.log())
  assert.equal(await service.gateway.stop(), 0, service.gateway.log())
})
