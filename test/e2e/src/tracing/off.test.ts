// Without an endpoint nothing of OpenTelemetry is loaded; what a client says of its trace is passed on and logged all the
// same.
import { readTestPicture } from '@menagerie/harness/pictures'
import { waitUntil } from '@menagerie/harness/processes'
import { startOtlpReceiver } from '@menagerie/harness/otlp-receiver'
import { startWebhookReceiver } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startService } from '../service.ts'
import { ask, makeTraceparent } from './traced-service.ts'

// prom-client loads the API, which are names with nothing behind them.
const isOpenTelemetry = (url: string): boolean => /@opentelemetry\/(?!api\/)|otel-tracer/.test(url)

/** The scripts that a process has executed, by what Node writes for NODE_V8_COVERAGE when it ends. */
const listScripts = async (dir: string, pid: number | undefined): Promise<string[]> => {
  const names = (await readdir(dir)).filter((name) => name.startsWith(`coverage-${pid}-`))
  const reports = await Promise.all(names.map((name) => readFile(join(dir, name), 'utf8')))
  return reports.flatMap((report) =>
    (JSON.parse(report) as { result: Array<{ url: string }> }).result.map(({ url }) => url),
  )
}

const runOnce = async (t: TestContext, changes: Record<string, string>) => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-scripts-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const service = await startService(t, { NODE_V8_COVERAGE: dir, ...changes })
  const worker = await service.startWorker({ INFERENCE_THREADS: '1' })
  const receiver = await startWebhookReceiver()
  t.after(() => receiver.stop())
  const { traceId, traceparent } = makeTraceparent()
  const fields = { webhook: receiver.url, webhook_events_filter: 'completed' }
  const answer = await ask(service.gateway.url, await readTestPicture(), { traceparent, fields })
  assert.equal(answer.status, 200)
  await waitUntil('the webhook has arrived', () => receiver.received.length > 0)
  assert.equal(await worker.stop(), 0, worker.log())
  assert.equal(await service.gateway.stop(), 0, service.gateway.log())
  const scripts = await Promise.all([service.gateway, worker].map(({ child }) => listScripts(dir, child.pid)))
  return { traceId, traceparent, received: receiver.received, gatewayLog: service.gateway.log(), scripts }
}

test('tracing that is off', async (t) => {
  const { traceId, traceparent, received, gatewayLog, scripts } = await runOnce(t, {})
  assert.equal(received[0]?.traceparent, traceparent)
  for (const line of ['request', 'webhook delivered']) {
    assert.match(gatewayLog, new RegExp(`"trace_id":"${traceId}".*"msg":"${line}"`))
  }
  for (const urls of scripts) {
    assert.ok(urls.some((url) => url.includes('/ioredis/')))
    assert.deepEqual(urls.filter(isOpenTelemetry), [])
  }
})

test('tracing that is on', async (t) => {
  const collector = await startOtlpReceiver()
  t.after(() => collector.stop())
  const { scripts } = await runOnce(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  for (const urls of scripts) assert.ok(urls.some(isOpenTelemetry))
})
