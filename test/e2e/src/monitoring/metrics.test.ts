// docs/metrics.md is the list of all metrics: each appears after real traffic, counts it rightly, and there is no other.
import { makeForm } from '@menagerie/harness/form'
import { parseMetrics, scrape, type Metrics } from '@menagerie/harness/metrics-text'
import { REPO_ROOT } from '@menagerie/harness/paths'
import { readTestPicture } from '@menagerie/harness/pictures'
import { waitUntil } from '@menagerie/harness/processes'
import { runProgram, skipWithout } from '@menagerie/harness/programs'
import { startWebhookReceiver } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startService } from '../service.ts'
import { documentedMetrics } from './documented-metrics.ts'

const readDoc = (name: string): string => readFileSync(join(REPO_ROOT, 'docs', name), 'utf8')

const ours = ([name]: [string, string]): boolean => name.startsWith('menagerie_')

/** What is said of a metric whose samples may have a suffix. */
const samplesOf = ({ samples }: Metrics, { name, type }: { name: string; type: string }) =>
  samples.filter((sample) => (type === 'histogram' ? sample.name === `${name}_count` : sample.name === name))

test('after real traffic every documented metric is there, counts it, and no other of ours is', async (t) => {
  const service = await startService(t, { CACHE_TTL: '1h', SWEEP_INTERVAL: '200ms' })
  const worker = await service.startWorker()
  const receiver = await startWebhookReceiver({ answer: (attempt) => (attempt === 1 ? 500 : 200) })
  t.after(() => receiver.stop())
  const picture = new Uint8Array(await readTestPicture())
  const { url } = service.gateway
  const model = service.env['MODEL'] ?? ''

  for (const body of [picture, picture]) {
    assert.equal((await fetch(`${url}/`, { method: 'POST', body: makeForm(body) })).status, 200)
  }
  const damaged = await fetch(`${url}/`, { method: 'POST', body: makeForm(picture.subarray(0, 300)) })
  assert.equal(damaged.status, 422)
  const { id } = await service.submit(picture, { webhook: receiver.url })
  await waitUntil('the webhook has arrived, after one failure', () => receiver.received.length === 2)
  assert.equal((await fetch(`${url}/v1/predictions/${id}`)).status, 200)
  assert.equal((await fetch(`${url}/nowhere`)).status, 404)
  for (const path of [`/v2/models/${model}/ready`, `/v2/models/${model}/versions/1/ready`]) {
    assert.equal((await fetch(`${url}${path}`)).status, 200)
  }
  await waitUntil('everything is counted', async () => {
    const seen = await scrape(url)
    return (
      seen.sum('menagerie_webhook_deliveries_total') === 2 &&
      seen.sum('menagerie_sweeps_total', { outcome: 'completed' }) > 0
    )
  })
  const texts = { gateway: '', worker: '' }
  for (const [from, base] of [
    ['gateway', url],
    ['worker', worker.url],
  ] as const) {
    texts[from] = await (await fetch(`${base}/metrics`)).text()
  }

  await t.test('the names, types and labels are those of docs/metrics.md', () => {
    for (const from of ['gateway', 'worker'] as const) {
      const seen = parseMetrics(texts[from])
      const documented = documentedMetrics.filter((metric) => metric.from === from)
      assert.deepEqual(
        new Map([...seen.types].filter(ours)),
        new Map(documented.map(({ name, type }) => [name, type])),
      )
      for (const metric of documented) {
        const samples = samplesOf(seen, metric)
        assert.ok(samples.length > 0, `${metric.name} has no sample`)
        for (const { labels } of samples) {
          assert.deepEqual(Object.keys(labels).toSorted(), metric.labels.toSorted(), metric.name)
        }
      }
    }
    assert.ok(documentedMetrics.length > 30, String(documentedMetrics.length))
  })

  await t.test('the worker counts what it has done', () => {
    const seen = parseMetrics(texts.worker)
    const counts = {
      menagerie_predictions_succeeded_total: 3,
      menagerie_predictions_failed_total: 1,
      menagerie_images_total: 1,
      menagerie_cache_hits_total: 2,
      menagerie_cache_misses_total: 1,
      menagerie_queue_seconds_count: 3,
      menagerie_total_seconds_count: 3,
      menagerie_preprocess_seconds_count: 1,
      menagerie_predict_seconds_count: 1,
      menagerie_jobs_active: 0,
      menagerie_model_info: 1,
    }
    for (const [name, count] of Object.entries(counts)) assert.equal(seen.sum(name, { model }), count, name)
    assert.equal(seen.sum('menagerie_predictions_failed_total', { reason: 'image_undecodable' }), 1)
    assert.equal(seen.sum('menagerie_worker_state', { state: 'ready' }), 1)
    assert.ok(seen.sum('menagerie_total_seconds_sum') >= seen.sum('menagerie_predict_seconds_sum'))
  })

  await t.test(
    'the reasons of failures are those of docs/metrics.md, and of the outcomes it leads to',
    () => {
      const [, table = ''] = readDoc('failure-modes.md').split('## Outcomes\n')
      const outcomes = Array.from(table.matchAll(/^\| `(\w+)` \|/gm), ([, code = '']) => code)
      const row = /^\| `menagerie_predictions_failed_total` .+$/m.exec(readDoc('metrics.md'))?.[0] ?? ''
      const others = Array.from(row.matchAll(/`(\w+)`/g), ([, code = '']) => code).slice(1)
      assert.ok(outcomes.length > 5, String(outcomes.length))
      const reasons = parseMetrics(texts.worker)
        .samples.filter(({ name }) => name === 'menagerie_predictions_failed_total')
        .map(({ labels }) => labels['reason'])
      assert.deepEqual(new Set(reasons), new Set([...outcomes, ...others]))
    },
  )

  await t.test('the gateway counts what it was asked and what it has accepted', () => {
    const seen = parseMetrics(texts.gateway)
    assert.equal(seen.sum('menagerie_predictions_accepted_total', { model }), 4)
    assert.equal(seen.sum('menagerie_upload_bytes_total', { model }), 3 * picture.length + 300)
    const posted = { route: '/', method: 'POST' }
    assert.equal(seen.sum('menagerie_http_requests_total', { ...posted, status: '2xx' }), 2)
    assert.equal(seen.sum('menagerie_http_requests_total', { ...posted, status: '4xx' }), 1)
    assert.equal(seen.sum('menagerie_http_request_seconds_count', posted), 3)
    assert.equal(seen.sum('menagerie_http_requests_total', { route: 'none', status: '4xx' }), 1)
    // An alert leaves these out, by their names.
    for (const route of ['/v2/models/:model/ready', '/v2/models/:model/versions/:version/ready']) {
      assert.equal(seen.sum('menagerie_http_requests_total', { route }), 1)
    }
    assert.equal(seen.sum('menagerie_http_errors_total', { code: 'image_undecodable' }), 1)
    assert.equal(seen.sum('menagerie_http_errors_total', { code: 'route_not_found' }), 1)
    assert.equal(seen.sum('menagerie_webhook_deliveries_total', { outcome: 'delivered' }), 1)
    assert.equal(seen.sum('menagerie_webhook_deliveries_total', { outcome: 'refused' }), 1)
    assert.equal(seen.sum('menagerie_workers', { model, state: 'ready' }), 1)
    assert.equal(seen.sum('menagerie_dead_letters', { model }), 1)
    assert.equal(seen.sum('menagerie_queue_jobs', { model, state: 'completed' }), 3)
    assert.equal(seen.sum('menagerie_queue_depth', { model }), 0)
    assert.ok(seen.sum('menagerie_queue_capacity_per_second', { model }) > 0)
    assert.equal(seen.sum('menagerie_redis_up'), 1)
  })

  await t.test('promtool finds nothing wrong with them', { skip: skipWithout('promtool') }, async () => {
    for (const text of Object.values(texts)) {
      const { code, output } = await runProgram('promtool', ['check', 'metrics'], text)
      assert.equal(code, 0, output)
      assert.equal(output, '')
    }
  })
})
