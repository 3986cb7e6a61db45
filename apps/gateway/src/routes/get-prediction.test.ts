import { Prediction } from '@menagerie/contract/prediction'
import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Value from 'typebox/value'
import {
  createGate,
  failWith,
  makeReturnValue,
  registerFakeWorker,
  startFakeWorker,
} from '../testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { expectProblem, getPrediction, postForm, submit } from '../testing/requests.ts'

const get = (gateway: TestGateway, rest: string) => fetch(`${gateway.url}/v1/predictions/${rest}`)

test('shows a prediction in every status of its life', async (t) => {
  const gateway = await openTestGateway(t)
  const gate = createGate()
  const { id, created_at } = await submit(gateway)
  const queued = await getPrediction(gateway, id)
  assert.equal(queued.status, 'queued')
  assert.equal(queued.started_at, null)

  await startFakeWorker(t, gateway, gate)
  await waitUntil('it runs', async () => (await getPrediction(gateway, id)).status === 'processing')
  const processing = await getPrediction(gateway, id)
  assert.equal(processing.queue, null)
  assert.equal(processing.metrics.attempts, 1)
  assert.equal(processing.completed_at, null)
  assert.equal(processing.expires_at, null)

  gate.open()
  const succeeded = await getPrediction(gateway, id, '?wait=60')
  assert.equal(succeeded.status, 'succeeded')
  assert.equal(succeeded.created_at, created_at)
  assert.equal(succeeded.started_at, processing.started_at)
  assert.equal(Date.parse(succeeded.expires_at ?? '') - Date.parse(succeeded.completed_at ?? ''), 3_600_000)
  for (const view of [queued, processing, succeeded]) assert.ok(Value.Check(Prediction, view))
  assert.deepEqual(await getPrediction(gateway, id), succeeded)
})

test('shows why a prediction failed, and nothing that was not meant for clients', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, { answer: failWith('ReplyError: NOPERM user secret') })
  const { id } = await submit(gateway)
  const failed = await getPrediction(gateway, id, '?wait=60')
  assert.equal(failed.status, 'failed')
  assert.equal(failed.output, null)
  assert.deepEqual(failed.error, {
    code: 'internal_error',
    message: 'the prediction failed; the worker log has the reason',
  })
  assert.ok(Value.Check(Prediction, failed))
})

test('an expired prediction stays expired when a worker takes it after all', async (t) => {
  const gateway = await openTestGateway(t, { MAX_QUEUE_AGE: '0.1s' })
  const { id } = await submit(gateway)
  const expired = await getPrediction(gateway, id, '?wait=60')
  assert.equal(expired.status, 'expired')
  await startFakeWorker(t, gateway, { answer: failWith('prediction_expired: too late') })
  await waitUntil('it was taken', async () => (await gateway.queue.getFailedCount()) === 1)
  const taken = await getPrediction(gateway, id)
  assert.equal(taken.status, 'expired')
  assert.equal(taken.completed_at, expired.completed_at)
  assert.deepEqual(taken.error, expired.error)
})

test('a prediction is found whichever model it is for', async (t) => {
  const gateway = await openTestGateway(t)
  await registerFakeWorker(t, gateway, { name: 'first' })
  await registerFakeWorker(t, gateway, { name: 'second' })
  const { id } = await submit(gateway, { fields: { model: 'second' } })
  assert.equal((await getPrediction(gateway, id)).model.name, 'second')
})

test('a position counts those before it, and falls as they are taken', async (t) => {
  const gateway = await openTestGateway(t)
  const ids: string[] = []
  for (let i = 0; i < 4; i++) {
    const { id, queue } = await submit(gateway)
    assert.deepEqual(queue, { position: i, estimated_wait_ms: null })
    ids.push(id)
  }
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  await waitUntil('the first runs', async () => (await gateway.queue.getActiveCount()) === 1)
  const positions = await Promise.all(
    ids.map(async (id) => (await getPrediction(gateway, id)).queue?.position),
  )
  assert.deepEqual(positions, [undefined, 0, 1, 2])
  gate.open()
  for (const id of ids) assert.equal((await getPrediction(gateway, id, '?wait=60')).status, 'succeeded')
})

test('the estimated wait is what the ready workers need for those before it', async (t) => {
  const gateway = await openTestGateway(t)
  await registerFakeWorker(t, gateway, {}, { threads: 2, service_ms: 100 })
  await registerFakeWorker(t, gateway, {}, { threads: 1, service_ms: 50 })
  await registerFakeWorker(t, gateway, {}, { threads: 50, service_ms: 1, state: 'draining' })
  const waits: unknown[] = []
  for (let i = 0; i < 3; i++) waits.push((await submit(gateway)).queue?.estimated_wait_ms)
  // 2 threads of 100 ms and 1 of 50 ms: 40 predictions a second.
  assert.deepEqual(waits, [0, 25, 50])
})

test('a prediction that no worker started before its deadline is expired, without any worker', async (t) => {
  const gateway = await openTestGateway(t, { MAX_QUEUE_AGE: '0.1s' })
  const { id } = await submit(gateway)
  const expired = await getPrediction(gateway, id, '?wait=60')
  assert.equal(expired.status, 'expired')
  assert.equal(expired.queue, null)
  assert.equal(expired.error?.code, 'prediction_expired')
  assert.ok(Date.parse(expired.completed_at ?? '') >= Date.parse(expired.created_at))
  assert.ok(Value.Check(Prediction, expired))
})

test('past RESULT_TTL it is 404, though BullMQ still has the job', async (t) => {
  const gateway = await openTestGateway(t, { RESULT_TTL: '1s' })
  await startFakeWorker(t, gateway)
  const { id } = await submit(gateway, { headers: { prefer: 'respond-async' } })
  assert.equal((await getPrediction(gateway, id, '?wait=60')).status, 'succeeded')
  await waitUntil('it is hidden', async () => (await get(gateway, id)).status === 404)
  await expectProblem(await get(gateway, id), 'prediction_not_found')
  assert.notEqual(await gateway.queue.getJob(id), undefined)
})

test('what is no id of a prediction is 404', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  for (const unknown of [
    '00000000-0000-4000-8000-000000000000',
    'x',
    '__proto__',
    `${id}:lock`,
    `${id}x`,
    '../../x',
    'a\r\nb',
    '\0',
    'é',
    'x'.repeat(128),
  ]) {
    await expectProblem(await get(gateway, encodeURIComponent(unknown)), 'prediction_not_found')
  }
})

// These are keys of BullMQ's beside the jobs, of other types than a job's hash.
for (const name of [
  'meta',
  'id',
  'wait',
  'active',
  'prioritized',
  'completed',
  'failed',
  'delayed',
  'events',
  'pc',
  'marker',
]) {
  test(`"${name}" is no id of a prediction`, async (t) => {
    const gateway = await openTestGateway(t)
    await startFakeWorker(t, gateway)
    await (await postForm(gateway, { headers: { prefer: 'wait=60' } })).text()
    await submit(gateway)
    await expectProblem(await get(gateway, name), 'prediction_not_found')
  })
}

test('an id of 129 characters is refused', async (t) => {
  const gateway = await openTestGateway(t)
  await expectProblem(await get(gateway, 'x'.repeat(129)), 'request_invalid')
})

test('a wait out of range, and an unknown query parameter, are refused', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  for (const [query, detail] of [
    ['wait=-1', /wait must be >= 0/],
    ['wait=61', /wait must be <= 60/],
    ['wait=abc', /wait must be integer/],
    ['wait=', /wait must be integer/],
    ['wat=1', /wat is not known here/],
  ] as const) {
    const problem = await expectProblem(await get(gateway, `${id}?${query}`), 'request_invalid')
    assert.match(problem.detail, detail)
  }
})

test('waiting for a prediction that does not exist answers at once', async (t) => {
  const gateway = await openTestGateway(t)
  await expectProblem(
    await get(gateway, '00000000-0000-4000-8000-000000000000?wait=60'),
    'prediction_not_found',
  )
})

test('new labels of a model whose weights were changed are seen at once', async (t) => {
  const gateway = await openTestGateway(t)
  await registerFakeWorker(t, gateway)
  await submit(gateway)
  const digest = `sha256:${'6'.repeat(64)}`
  const model = { digest, labels: [['n1', 'new name']] as Array<[string, string]> }
  await startFakeWorker(t, gateway, {
    model,
    answer: async () => makeReturnValue({ digest, top_k: [[0, 1]] }),
  })
  const { id } = await submit(gateway)
  assert.equal((await getPrediction(gateway, id, '?wait=60')).output?.class_name, 'new name')
})

test('all who wait for a new model’s first answer are told the names of its classes', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  const waiting = Array.from({ length: 20 }, () => getPrediction(gateway, id, '?wait=60'))
  await waitUntil('all wait', async () => (await gateway.countConnections()) >= waiting.length)
  await startFakeWorker(t, gateway)
  for (const { output } of await Promise.all(waiting)) assert.equal(output?.class_name, 'golden_retriever')
})
