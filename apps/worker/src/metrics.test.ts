import { scrape } from '@menagerie/harness/metrics-text'
import { findFreePort, waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { openTestQueue } from './testing/open-test-worker.ts'

test('each end of a prediction is counted once, a failure by its reason', async (t) => {
  const queue = await openTestQueue()
  t.after(() => queue.close())
  const port = await findFreePort()
  const worker = await queue.openWorker({ PROBE_PORT: String(port) })
  t.after(() => worker.close())
  const url = `http://127.0.0.1:${port}`
  const model = queue.env['MODEL'] ?? ''

  const before = await scrape(url)
  assert.equal(before.sum('menagerie_worker_state', { model, state: 'ready' }), 1)
  assert.equal(before.sum('menagerie_worker_threads', { model }), 1)
  // Also what has not happened yet is told, so that the first time is a rise.
  assert.ok(before.samples.some(({ labels }) => labels['reason'] === 'worker_lost'))
  assert.equal(before.sum('menagerie_predictions_failed_total'), 0)

  const upload = (id: string | null) => ({ ...queue.makeData().upload, id })
  const jobs = [
    await queue.add(queue.makeData()),
    await queue.add(queue.makeData({ deadline: Date.now() - 1000 })),
    await queue.add(queue.makeData({ upload: upload(randomUUID()) }), null),
    await queue.add(queue.makeData(), Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0, 0, 0])),
    await queue.add({ ...queue.makeData(), top_k: 0 }),
  ]
  for (const job of jobs) await queue.outcomeOf(job)
  await waitUntil('all are counted', async () => {
    const { sum } = await scrape(url)
    return sum('menagerie_predictions_succeeded_total') + sum('menagerie_predictions_failed_total') === 5
  })
  const { sum, samples } = await scrape(url)
  const reasons = samples
    .filter(({ name, value }) => name === 'menagerie_predictions_failed_total' && value > 0)
    .map(({ labels, value }) => [labels['reason'], value])
  assert.deepEqual(Object.fromEntries(reasons), {
    prediction_expired: 1,
    upload_expired: 1,
    image_undecodable: 1,
    payload_invalid: 1,
  })
  assert.equal(sum('menagerie_predictions_succeeded_total', { model }), 1)
  assert.equal(sum('menagerie_images_total', { model }), 1)
  assert.equal(sum('menagerie_jobs_active', { model }), 0)
  assert.ok(sum('menagerie_total_seconds_sum') >= sum('menagerie_predict_seconds_sum'))
})
