import type { QueueView } from '@menagerie/contract/queue'
import { scrape } from '@menagerie/harness/metrics-text'
import { isReady, waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { test } from 'node:test'
import { makeFiles, submitBatch } from '../testing/batches.ts'
import { createGate, failWith, registerFakeWorker, startFakeWorker } from '../testing/fake-worker.ts'
import { MODEL, openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { startPrivateRedis } from '../testing/private-redis.ts'
import { getPrediction, PICTURE, postBody, postForm, submit } from '../testing/requests.ts'
import { as, withTenants } from '../testing/tenants.ts'

const OPERATOR_KEY = 'an-operator-key-for-tests'

/** Of ours: kinds of garbage collection, for one, appear with the first of them. */
const series = async (gateway: TestGateway): Promise<Set<string>> => {
  const samples = (await scrape(gateway.url)).samples.filter(({ name }) => name.startsWith('menagerie_'))
  return new Set(samples.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`))
}

/** With any method and target, as `fetch` would not send them. */
const send = (gateway: TestGateway, method: string, path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const asked = request(gateway.url, { method, path }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0))
    })
    asked.on('error', reject).end()
  })

test('labels stay the same few whatever clients send', async (t) => {
  const tenants = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`tenant-${i}`, {}]))
  const gateway = await openTestGateway(t, await withTenants(t, tenants))
  await startFakeWorker(t, gateway)
  const flood = async (round: string): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      const word = `${round}-${i}`
      const headers = as(`tenant-${i}`)
      await send(gateway, 'GET', `/${word}/"}\n`.replace('\n', '%0A'))
      await send(gateway, 'GET', `/v1/predictions/${randomUUID()}?${word}`)
      await send(gateway, 'GET', `/v2/models/${word}/ready`)
      await send(gateway, 'GET', `/%E0%A4%A${word}`)
      await send(gateway, i % 2 === 0 ? 'PROPFIND' : 'REPORT', `/${word}`)
      await fetch(`${gateway.url}/v1/queues/${word}`, { headers })
      await fetch(`${gateway.url}/v1/predictions/${word}`, { headers })
      await postForm(gateway, { headers, fields: { model: word } })
      await postForm(gateway, { headers, fields: { top_k: word } })
      await postForm(gateway, { headers, fields: { metadata: JSON.stringify({ word }) } })
      await postForm(gateway, { path: `/predictions/${word}`, headers })
      await postBody(gateway, '/v1/predictions', `image/${word}`, PICTURE)
    }
  }
  await flood('first')
  await waitUntil('what was asked has been answered', async () => {
    const { sum } = await scrape(gateway.url)
    return sum('menagerie_queue_depth') === 0 && sum('menagerie_predictions_accepted_total') === 20
  })
  const before = await series(gateway)
  await flood('second')
  assert.deepEqual(await series(gateway), before)
  const text = [...before].join('\n')
  for (const word of ['first-', 'tenant-', 'PROPFIND']) assert.ok(!text.includes(word), word)
  const seen = await scrape(gateway.url)
  assert.deepEqual(
    new Set(seen.samples.flatMap(({ labels }) => (labels['model'] === undefined ? [] : [labels['model']]))),
    new Set([MODEL]),
  )
})

test('gauges of the queue are the numbers of /v1/queues', async (t) => {
  const gateway = await openTestGateway(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, { answer: gate.answer })
  await registerFakeWorker(t, gateway, {}, { state: 'starting' })
  for (let i = 0; i < 4; i++) await submit(gateway)
  let queue: QueueView | undefined
  await waitUntil('one is active', async () => {
    queue = (await (await fetch(`${gateway.url}/v1/queues/${MODEL}`)).json()) as QueueView
    return queue.counts.active === 1
  })
  const { sum } = await scrape(gateway.url)
  const model = MODEL
  assert.equal(sum('menagerie_queue_depth', { model }), 4)
  assert.equal(sum('menagerie_queue_jobs', { model, state: 'prioritized' }), 3)
  assert.equal(sum('menagerie_queue_jobs', { model, state: 'active' }), 1)
  assert.equal(sum('menagerie_queue_capacity_per_second', { model }), queue?.capacity_per_second)
  assert.equal(
    sum('menagerie_queue_estimated_wait_seconds', { model }),
    (queue?.estimated_wait_ms ?? 0) / 1000,
  )
  assert.equal(sum('menagerie_workers', { model, state: 'ready' }), 1)
  assert.equal(sum('menagerie_workers', { model, state: 'starting' }), 1)
  gate.open()
})

test('who waits is counted, by what for', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  const asked = [
    fetch(`${gateway.url}/v1/predictions/${id}?wait=60`),
    fetch(`${gateway.url}/v1/predictions/${id}/events`),
    postForm(gateway, { path: '/' }),
  ]
  const count = async (kind: string): Promise<number> =>
    (await scrape(gateway.url)).sum('menagerie_waiters', { kind })
  await waitUntil('all wait', async () => (await count('answer')) === 2 && (await count('events')) === 1)
  await startFakeWorker(t, gateway)
  for (const answer of await Promise.all(asked)) await answer.text()
  assert.equal((await getPrediction(gateway, id)).status, 'succeeded')
  await waitUntil('nobody waits', async () => (await count('answer')) + (await count('events')) === 0)
})

test('while Redis is away the metrics are there, without what only Redis knows', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url })
  await registerFakeWorker(t, gateway)
  const isKnown = async (): Promise<boolean> => {
    const { samples, sum } = await scrape(gateway.url)
    const names = new Set(samples.map(({ name }) => name))
    const known = ['menagerie_queue_depth', 'menagerie_workers', 'menagerie_redis_memory_ratio'].map((name) =>
      names.has(name),
    )
    assert.equal(new Set(known).size, 1, 'all or none')
    assert.equal(sum('menagerie_redis_up'), known[0] === true ? 1 : 0)
    assert.ok(names.has('menagerie_http_requests_total'))
    return known[0] === true
  }
  assert.equal(await isKnown(), true)

  // One that hangs is like one that is gone.
  redis.kill('SIGSTOP')
  await waitUntil('nothing is known', async () => !(await isKnown()))
  redis.kill('SIGCONT')
  await waitUntil('it is ready again', () => isReady(gateway.url))
  await waitUntil('all is known again', isKnown)

  redis.kill('SIGKILL')
  await redis.exited
  await waitUntil('nothing is known', async () => !(await isKnown()))
  await startPrivateRedis(t, { port: redis.port })
  await waitUntil('all is known again', isKnown)
})

test('dead letters are what may be replayed, not what was canceled or has expired', async (t) => {
  const gateway = await openTestGateway(t)
  const canceled = await submit(gateway)
  await fetch(`${gateway.url}/v1/predictions/${canceled.id}/cancel`, { method: 'POST' })
  await startFakeWorker(t, gateway, { answer: failWith('image_undecodable: it may be damaged') })
  const { id } = await submit(gateway)
  assert.equal((await getPrediction(gateway, id, '?wait=60')).status, 'failed')
  await waitUntil('both have ended', async () => (await gateway.queue.getFailedCount()) === 2)
  assert.equal((await scrape(gateway.url)).sum('menagerie_dead_letters', { model: MODEL }), 1)
})

test('what is accepted counts once: alone, in a batch, as a replay; what repeats it does not', async (t) => {
  const gateway = await openTestGateway(t, { OPERATOR_KEY })
  const isAccepted = async (predictions: number, bytes: number): Promise<void> => {
    const seen = await scrape(gateway.url)
    assert.equal(seen.sum('menagerie_predictions_accepted_total', { model: MODEL }), predictions)
    assert.equal(seen.sum('menagerie_upload_bytes_total', { model: MODEL }), bytes)
  }
  const headers = { 'idempotency-key': 'the same' }
  await startFakeWorker(t, gateway, { answer: failWith('image_undecodable: it may be damaged') })
  const { id } = await submit(gateway, { headers })
  await submit(gateway, { headers })
  await isAccepted(1, PICTURE.length)

  const files = makeFiles(3)
  const size = files.reduce((sum, [, bytes]) => sum + bytes.length, 0)
  await submitBatch(gateway, files, { headers })
  await submitBatch(gateway, files, { headers })
  await isAccepted(4, PICTURE.length + size)

  assert.equal((await getPrediction(gateway, id, '?wait=60')).status, 'failed')
  const operator = { authorization: `Bearer ${OPERATOR_KEY}` }
  for (let i = 0; i < 2; i++) {
    const replay = await fetch(`${gateway.url}/v1/dead-letter/${id}/replay`, {
      method: 'POST',
      headers: operator,
    })
    assert.equal(replay.status, 202)
  }
  await isAccepted(5, 2 * PICTURE.length + size)
})
