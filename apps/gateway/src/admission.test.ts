/** What is refused before a byte of the body is read: whose fault it is, and when to come again. */
import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createGate, registerFakeWorker, startFakeWorker } from './testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from './testing/open-test-gateway.ts'
import { openRawClient, requestHead } from './testing/raw-client.ts'
import { cancel, expectProblem, getPrediction, postForm, submit } from './testing/requests.ts'
import { as, withTenants } from './testing/tenants.ts'

const BODY_BYTES = 5_000_000

/** Sends the head of an upload and nothing else; resolves with the answer's status. */
const sendHead = async (
  t: TestContext,
  gateway: TestGateway,
  headers: Record<string, string | number> = {},
): Promise<{ status: number; text: string }> => {
  const client = await openRawClient(t, gateway.url)
  const head = { 'content-type': 'image/jpeg', 'content-length': BODY_BYTES, ...headers }
  client.send(requestHead('/v1/predictions', head))
  await waitUntil('the answer is there', () => client.status() > 0)
  return { status: client.status(), text: client.text() }
}

test('a wrong key, a used up share and a full queue are answered before the body comes', async (t) => {
  const tenants = { ann: {}, bob: { concurrency: 1 }, carol: { rate: 1 } }
  const gateway = await openTestGateway(t, { ...(await withTenants(t, tenants)), QUEUE_DEPTH_MAX: '2' })
  const statusOf = async (headers: Record<string, string>) => (await sendHead(t, gateway, headers)).status
  assert.equal(await statusOf({}), 401)
  await submit(gateway, { headers: as('bob') })
  assert.equal(await statusOf(as('bob')), 429)
  await submit(gateway, { headers: as('carol') })
  await expectProblem(await postForm(gateway, { headers: as('ann') }), 'queue_full')
  assert.equal(await statusOf(as('ann')), 503)
})

test('a client that asks before it sends is told to go on only when there is room', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, { ann: {} }))
  const expect = { expect: '100-continue' }
  const refused = await sendHead(t, gateway, expect)
  assert.equal(refused.status, 401)
  assert.ok(!refused.text.includes('100 Continue'))
  assert.equal((await sendHead(t, gateway, { ...expect, ...as('ann') })).status, 100)
})

test('a rate is one for all gateways, and the answers say what is left of it', async (t) => {
  const env = await withTenants(t, { ann: { rate: 3 }, bob: {} })
  const one = await openTestGateway(t, env)
  const two = await openTestGateway(t, { ...env, REDIS_PREFIX: one.prefix })
  const answers = []
  for (const gateway of [one, two, one]) answers.push(await postForm(gateway, { headers: as('ann') }))
  for (const [i, answer] of answers.entries()) {
    assert.equal(answer.status, 202)
    assert.equal(answer.headers.get('ratelimit-policy'), '"predictions";q=3;w=60')
    assert.match(answer.headers.get('ratelimit') ?? '', new RegExp(`^"predictions";r=${2 - i};t=\\d+$`))
  }
  const refused = await postForm(two, { headers: as('ann') })
  const retryAfter = Number(refused.headers.get('retry-after'))
  assert.ok(retryAfter >= 1 && retryAfter <= 20, String(retryAfter))
  assert.match(refused.headers.get('ratelimit') ?? '', /^"predictions";r=0;t=\d+$/)
  await expectProblem(refused, 'rate_limited')
  const free = await postForm(one, { headers: as('bob') })
  assert.equal(free.status, 202)
  assert.equal(free.headers.get('ratelimit'), null)
})

test('who has as many unfinished predictions as they may gets another place with each that ends', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, { ann: { concurrency: 2 }, bob: {} }))
  const headers = as('ann')
  const first = await submit(gateway, { headers })
  await submit(gateway, { headers: { ...headers, 'idempotency-key': 'k' } })
  const refused = await postForm(gateway, { headers })
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  await expectProblem(refused, 'share_exhausted')
  await submit(gateway, { headers: as('bob') })

  const url = `${gateway.url}/v1/predictions/${first.id}/cancel`
  assert.equal((await fetch(url, { method: 'POST', headers })).status, 200)
  await waitUntil('there is a place', async () => (await postForm(gateway, { headers })).status === 202)
  await expectProblem(await postForm(gateway, { headers }), 'share_exhausted')

  await startFakeWorker(t, gateway, { concurrency: 3 })
  await waitUntil('both are done', async () => (await gateway.queue.getCompletedCount()) === 3)
  // That worker tells nobody of the place: it is found from the jobs.
  await waitUntil('there is a place', async () => (await postForm(gateway, { headers })).status === 202)
})

test('a repetition with its key finds the first, also when that has used up the share', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, { ann: { concurrency: 1 } }))
  const headers = { ...as('ann'), 'idempotency-key': 'k' }
  const first = await submit(gateway, { headers })
  assert.equal((await submit(gateway, { headers })).id, first.id)
  const another = { ...as('ann'), 'idempotency-key': 'l' }
  await expectProblem(await postForm(gateway, { headers: another }), 'share_exhausted')
})

test('several gateways together let in no more than a tenant may have', async (t) => {
  const env = await withTenants(t, { ann: { concurrency: 5 } })
  const one = await openTestGateway(t, env)
  const two = await openTestGateway(t, { ...env, REDIS_PREFIX: one.prefix })
  const sent = Array.from({ length: 20 }, (_, i) => postForm(i % 2 ? one : two, { headers: as('ann') }))
  const statuses = (await Promise.all(sent)).map(({ status }) => status)
  assert.equal(statuses.filter((status) => status === 202).length, 5)
  assert.equal(statuses.filter((status) => status === 429).length, 15)
  assert.equal(await one.queue.getPrioritizedCount(), 5)
})

test('a tenant’s pictures have so many bytes at the most; one alone may have more', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, { ann: { bytes: 1000 } }))
  await submit(gateway, { headers: as('ann') })
  await expectProblem(await postForm(gateway, { headers: as('ann') }), 'share_exhausted')
})

test('a prediction that is refused for another reason takes nothing of the share', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, { ann: { concurrency: 1 } }))
  const headers = as('ann')
  await expectProblem(await postForm(gateway, { headers, fields: { model: 'none' } }), 'model_not_found')
  const keyed = { ...headers, 'idempotency-key': 'k' }
  const { id } = await submit(gateway, { headers: keyed })
  await startFakeWorker(t, gateway)
  await waitUntil('it is done', async () => (await gateway.queue.getCompletedCount()) === 1)
  await waitUntil('it is repeated', async () => (await postForm(gateway, { headers: keyed })).status === 202)
  // The repetition of what has ended holds nothing.
  const answer = await postForm(gateway, { headers })
  assert.equal(answer.status, 202)
  assert.notEqual(((await answer.json()) as { id: string }).id, id)
})

test('a queue in which the last would wait too long takes no more, and says when it does', async (t) => {
  const gateway = await openTestGateway(t, { QUEUE_WAIT_MAX: '100s' })
  // Nobody works: nothing is known of a wait.
  for (let i = 0; i < 3; i++) await submit(gateway)
  await registerFakeWorker(t, gateway, {}, { threads: 1, service_ms: 50_000 })
  await waitUntil('it is refused', async () => (await postForm(gateway)).status === 503)
  const refused = await postForm(gateway)
  const retryAfter = Number(refused.headers.get('retry-after'))
  assert.ok(retryAfter >= 50 && retryAfter % 50 === 0, String(retryAfter))
  await expectProblem(refused, 'queue_full')
})

test('the wait that counts is one’s own: a flood by another refuses nobody but the one who floods', async (t) => {
  const tenants = await withTenants(t, { flooding: {}, other: {} })
  const gateway = await openTestGateway(t, { ...tenants, QUEUE_WAIT_MAX: '100s' })
  for (let i = 0; i < 6; i++) await submit(gateway, { headers: as('flooding') })
  await registerFakeWorker(t, gateway, {}, { threads: 1, service_ms: 30_000 })
  const post = (tenant: string) => postForm(gateway, { headers: as(tenant) })
  await waitUntil('the flood is refused', async () => (await post('flooding')).status === 503)
  // Before it are those of the flood with the same tags, and its own.
  assert.equal((await post('other')).status, 202)
  await waitUntil('its own are too many', async () => (await post('other')).status === 503)
  await expectProblem(await post('flooding'), 'queue_full')
})

test('a gateway takes in so many bytes at the same time, and has room again when one is stored or gone', async (t) => {
  const gate = createGate()
  const gateway = await openTestGateway(t, { UPLOADS_IN_FLIGHT_BYTES: '6000000' })
  await startFakeWorker(t, gateway, { answer: gate.answer })
  const slow = await openRawClient(t, gateway.url)
  slow.send(requestHead('/', { 'content-type': 'image/jpeg', 'content-length': BODY_BYTES }))
  await waitUntil('its bytes count', async () => {
    const client = await sendHead(t, gateway, { expect: '100-continue' })
    return client.status === 503
  })
  await submit(gateway)
  slow.socket.destroy()
  await waitUntil('there is room', async () => {
    const { status } = await sendHead(t, gateway, { expect: '100-continue' })
    return status === 100
  })
  gate.open()
})

test('a length that no body may have takes no room from others, not even for a moment', async (t) => {
  const gateway = await openTestGateway(t, { UPLOADS_IN_FLIGHT_BYTES: '20000000' })
  const liar = { 'content-length': 2 ** 40 }
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, i) =>
      i % 2 === 0 ? (await sendHead(t, gateway, liar)).status : (await postForm(gateway)).status,
    ),
  )
  assert.deepEqual(
    answers,
    Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 413 : 202)),
  )
})

test('who waits for an answer holds no room for the picture', async (t) => {
  const gate = createGate()
  const gateway = await openTestGateway(t, { UPLOADS_IN_FLIGHT_BYTES: '3000' })
  await startFakeWorker(t, gateway, { answer: gate.answer })
  const waiting = postForm(gateway, { path: '/' })
  await waitUntil('it is accepted', async () => (await gateway.queue.getActiveCount()) === 1)
  const { id } = await submit(gateway)
  assert.equal((await cancel(gateway, id)).status, 200)
  gate.open()
  assert.equal((await waiting).status, 200)
  assert.equal((await getPrediction(gateway, id)).status, 'canceled')
})
