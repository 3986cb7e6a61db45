/** What failed can be listed, replayed and purged, by operators alone; nothing of it is replayed twice or lost. */
import type { Prediction } from '@menagerie/contract/prediction'
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { failWith, startFakeWorker, succeed, type Answer } from '../testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { cancel, expectProblem, getPrediction, readPrediction, submit } from '../testing/requests.ts'
import { sweepNow } from '../testing/sweep-now.ts'

const OPERATOR_KEY = 'the-key-of-the-operator'
const AUTHORIZED = { authorization: `Bearer ${OPERATOR_KEY}` }

const call = (
  gateway: TestGateway,
  method: string,
  rest = '',
  headers: Record<string, string> = AUTHORIZED,
) => fetch(`${gateway.url}/v1/dead-letter${rest}`, { method, headers })

const list = async (gateway: TestGateway, query = '') => {
  const answer = await call(gateway, 'GET', query)
  assert.equal(answer.status, 200)
  return (await answer.json()) as { items: Prediction[]; has_more: boolean }
}

/** A gateway and a worker that fails until it is mended. */
const openFailing = async (t: TestContext, env: Record<string, string> = {}) => {
  const gateway = await openTestGateway(t, { OPERATOR_KEY, ...env })
  let answer: Answer = failWith('inference_failed: the model failed')
  await startFakeWorker(t, gateway, { answer: (job) => answer(job) })
  const submitFailing = async (options: Parameters<typeof submit>[1] = {}): Promise<Prediction> => {
    const { id } = await submit(gateway, options)
    const failed = await getPrediction(gateway, id, '?wait=60')
    assert.equal(failed.status, 'failed')
    return failed
  }
  return { gateway, submitFailing, mend: () => (answer = succeed) }
}

test('lists what failed, oldest first, and nothing else', async (t) => {
  const { gateway, submitFailing, mend } = await openFailing(t)
  const first = await submitFailing()
  const second = await submitFailing()
  mend()
  const good = await submit(gateway)
  await getPrediction(gateway, good.id, '?wait=60')
  assert.deepEqual(await list(gateway), { items: [first, second], has_more: false })
  assert.deepEqual(await list(gateway, '?limit=1'), { items: [first], has_more: true })
  assert.deepEqual(await list(gateway, `?limit=1&after=${first.id}`), { items: [second], has_more: false })
  assert.equal((await list(gateway, '?code=inference_failed')).items.length, 2)
  assert.equal((await list(gateway, '?code=worker_lost')).items.length, 0)
  assert.equal((await list(gateway, `?model=${first.model.name}`)).items.length, 2)
  assert.equal((await list(gateway, '?model=another')).items.length, 0)
})

test('what was canceled or has expired is no dead letter', async (t) => {
  const gateway = await openTestGateway(t, { OPERATOR_KEY })
  const { id } = await submit(gateway)
  await cancel(gateway, id)
  await submit(gateway, { headers: { 'cancel-after': '1ms' } })
  await startFakeWorker(t, gateway, { answer: failWith('prediction_expired: x') })
  await waitUntil('both are settled', async () => (await gateway.queue.getFailedCount()) === 2)
  assert.deepEqual((await list(gateway)).items, [])
})

test('a replay is a new prediction of the same picture, and the old one stays as it is', async (t) => {
  const { gateway, submitFailing, mend } = await openFailing(t)
  const failed = await submitFailing({ fields: { top_k: '2', metadata: '{"order":"A-17"}' } })
  mend()
  const answer = await call(gateway, 'POST', `/${failed.id}/replay`)
  assert.equal(answer.status, 202)
  const replay = await readPrediction(answer)
  assert.equal(answer.headers.get('location'), `/v1/predictions/${replay.id}`)
  assert.notEqual(replay.id, failed.id)
  assert.equal(replay.replay_of, failed.id)
  assert.deepEqual(replay.metadata, { order: 'A-17' })
  assert.deepEqual(replay.input, failed.input)

  const done = await getPrediction(gateway, replay.id, '?wait=60')
  assert.equal(done.status, 'succeeded')
  assert.equal(done.output?.top_k.length, 2)
  assert.deepEqual(await getPrediction(gateway, failed.id), failed)
  assert.deepEqual((await list(gateway)).items, [])
  await waitUntil('no picture is left', async () => (await gateway.listUploads()).length === 0)
})

test('a replay that fails too can be replayed again', async (t) => {
  const { gateway, submitFailing, mend } = await openFailing(t)
  const failed = await submitFailing()
  const replay = await readPrediction(await call(gateway, 'POST', `/${failed.id}/replay`))
  assert.equal((await getPrediction(gateway, replay.id, '?wait=60')).status, 'failed')
  assert.deepEqual(
    (await list(gateway)).items.map(({ id }) => id),
    [replay.id],
  )
  mend()
  const last = await readPrediction(await call(gateway, 'POST', `/${replay.id}/replay`))
  assert.equal(last.replay_of, replay.id)
  assert.equal((await getPrediction(gateway, last.id, '?wait=60')).status, 'succeeded')
})

test('replays at the same moment, and later ones, are one and the same', async (t) => {
  const { gateway, submitFailing, mend } = await openFailing(t)
  const failed = await submitFailing()
  mend()
  const second = await openTestGateway(t, { OPERATOR_KEY, REDIS_PREFIX: gateway.prefix })
  const answers = await Promise.all(
    [gateway, second, gateway, second].map((at) => call(at, 'POST', `/${failed.id}/replay`)),
  )
  const ids = await Promise.all(answers.map(async (answer) => (await readPrediction(answer)).id))
  assert.equal(new Set(ids).size, 1)
  assert.equal((await getPrediction(gateway, ids[0] ?? '', '?wait=60')).status, 'succeeded')
  const later = await readPrediction(await call(gateway, 'POST', `/${failed.id}/replay`))
  assert.equal(later.id, ids[0])
  assert.equal(await gateway.queue.getCompletedCount(), 1)
  await waitUntil('no picture is left', async () => (await gateway.listUploads()).length === 0)
})

test('a replay sends the webhook that was asked for, as one of its own', async (t) => {
  const { gateway, submitFailing, mend } = await openFailing(t, {
    WEBHOOK_SECRET,
    WEBHOOK_ALLOW_PRIVATE: '1',
  })
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  const failed = await submitFailing({ fields: { webhook: receiver.url } })
  await waitUntil('the failure is delivered', () => receiver.received.length === 1)
  mend()
  const replay = await readPrediction(await call(gateway, 'POST', `/${failed.id}/replay`))
  await waitUntil('the replay is delivered', () => receiver.received.length === 2)
  const [first, second] = receiver.received
  assert.equal(first?.event.data['status'], 'failed')
  assert.equal(second?.event.data['status'], 'succeeded')
  assert.equal(second.event.data['id'], replay.id)
  assert.notEqual(second.id, first.id)
})

test('without its picture nothing can be replayed', async (t) => {
  const { gateway, submitFailing } = await openFailing(t)
  const { id } = await submitFailing()
  await gateway.redis.del(await gateway.listUploads())
  await expectProblem(await call(gateway, 'POST', `/${id}/replay`), 'upload_expired')
  assert.equal((await list(gateway)).items.length, 1)
})

test('what cannot be replayed any more does not stand in the way of the others', async (t) => {
  const { gateway, submitFailing, mend } = await openFailing(t)
  await submitFailing()
  await gateway.redis.del(await gateway.listUploads())
  await submitFailing()
  mend()
  const answer = await call(gateway, 'POST', '/replay?limit=1')
  assert.deepEqual(await answer.json(), { replayed: 1, skipped: 1, has_more: false })
})

test('a replay belongs to the prediction that failed, not to its id, which a key can use again', async (t) => {
  const { gateway, submitFailing, mend } = await openFailing(t)
  const headers = { 'idempotency-key': 'a key' }
  const first = await submitFailing({ headers })
  const firstReplay = await readPrediction(await call(gateway, 'POST', `/${first.id}/replay`))
  assert.equal((await getPrediction(gateway, firstReplay.id, '?wait=60')).status, 'failed')
  await call(gateway, 'DELETE', `/${first.id}`)
  const second = await submitFailing({ headers, fields: { top_k: '1' } })
  assert.equal(second.id, first.id)
  mend()
  const replay = await readPrediction(await call(gateway, 'POST', `/${second.id}/replay`))
  assert.notEqual(replay.id, firstReplay.id)
  assert.equal((await getPrediction(gateway, replay.id, '?wait=60')).output?.top_k.length, 1)
})

test('a purge forgets the prediction and its picture', async (t) => {
  const { gateway, submitFailing } = await openFailing(t)
  const { id } = await submitFailing()
  assert.equal((await call(gateway, 'DELETE', `/${id}`)).status, 204)
  await expectProblem(await fetch(`${gateway.url}/v1/predictions/${id}`), 'prediction_not_found')
  assert.deepEqual(await gateway.listUploads(), [])
  await expectProblem(await call(gateway, 'DELETE', `/${id}`), 'dead_letter_not_found')
  await expectProblem(await call(gateway, 'POST', `/${id}/replay`), 'dead_letter_not_found')
})

test('a replay against a purge: either it is replayed in full or it is gone, and nothing is left over', async (t) => {
  const { gateway, submitFailing, mend } = await openFailing(t)
  const failed: Prediction[] = []
  for (let i = 0; i < 12; i++) failed.push(await submitFailing())
  mend()
  for (const [i, { id }] of failed.entries()) {
    const calls = [() => call(gateway, 'POST', `/${id}/replay`), () => call(gateway, 'DELETE', `/${id}`)]
    if (i % 2 === 1) calls.reverse()
    const answers = await Promise.all(calls.map((start) => start()))
    const [replay, purge] = i % 2 === 1 ? answers.toReversed() : answers
    assert.ok([204, 404].includes(purge?.status ?? 0))
    if (replay?.status === 202) {
      const { id: newId } = await readPrediction(replay)
      assert.equal((await getPrediction(gateway, newId, '?wait=60')).status, 'succeeded')
    } else {
      assert.ok([404, 410].includes(replay?.status ?? 0), `${replay?.status}`)
    }
  }
  assert.deepEqual((await list(gateway)).items, [])
  await sweepNow(gateway.env)
  assert.deepEqual(await gateway.listUploads(), [])
  // No stump of a record that was purged while it was marked.
  for (const { id } of failed) {
    const fields = await gateway.redis.hkeys(`${gateway.prefix}:predict.test-model:${id}`)
    assert.ok(fields.length === 0 || fields.includes('data'))
  }
})

test('all can be replayed, or purged, at once', async (t) => {
  const { gateway, submitFailing, mend } = await openFailing(t)
  for (let i = 0; i < 3; i++) await submitFailing()
  mend()
  const answer = await call(gateway, 'POST', '/replay?limit=2')
  assert.deepEqual(await answer.json(), { replayed: 2, skipped: 0, has_more: true })
  await waitUntil('they have ended', async () => (await gateway.queue.getCompletedCount()) === 2)
  assert.deepEqual(await (await call(gateway, 'DELETE', '?code=worker_lost')).json(), {
    purged: 0,
    has_more: false,
  })
  assert.deepEqual(await (await call(gateway, 'DELETE')).json(), { purged: 1, has_more: false })
  assert.deepEqual((await list(gateway)).items, [])
})

test('a failed prediction can be read as long as it can be replayed', async (t) => {
  const { gateway, submitFailing } = await openFailing(t, { RESULT_TTL: '1s', DEAD_LETTER_TTL: '1h' })
  const { completed_at, expires_at } = await submitFailing()
  assert.equal(Date.parse(expires_at ?? '') - Date.parse(completed_at ?? ''), 3_600_000)
  assert.equal((await list(gateway)).items.length, 1)
})

test('only who has the operator key may do any of it', async (t) => {
  const gateway = await openTestGateway(t, { OPERATOR_KEY })
  const disabled = await openTestGateway(t)
  const id = crypto.randomUUID()
  for (const [method, rest] of [
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/replay'],
    ['POST', `/${id}/replay`],
    ['DELETE', `/${id}`],
  ] as const) {
    await expectProblem(await call(disabled, method, rest), 'operator_disabled')
    const refusedHeaders: Array<Record<string, string>> = [
      {},
      { authorization: 'Bearer no' },
      { authorization: OPERATOR_KEY },
    ]
    for (const headers of refusedHeaders) {
      const refused = await call(gateway, method, rest, headers)
      assert.equal(refused.headers.get('www-authenticate'), 'Bearer')
      await expectProblem(refused, 'operator_key_invalid')
    }
  }
})

test('a filter that is none is refused', async (t) => {
  const gateway = await openTestGateway(t, { OPERATOR_KEY })
  for (const query of ['?code=nothing', '?limit=0', '?limit=1001', '?of=all']) {
    await expectProblem(await call(gateway, 'GET', query), 'request_invalid')
  }
})
