/** A client that names what it has gets nothing twice: 304 while nothing is new, also after a wait. */
import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGate, startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { countReads, startPrivateRedis } from '../testing/private-redis.ts'
import { readPrediction, submit } from '../testing/requests.ts'

const get = (gateway: TestGateway, id: string, ifNoneMatch?: string, query = '') =>
  fetch(`${gateway.url}/v1/predictions/${id}${query}`, {
    headers: ifNoneMatch === undefined ? {} : { 'if-none-match': ifNoneMatch },
  })

/** The tag of an answer that must be there. */
const tagOf = (answer: Response): string => {
  assert.equal(answer.headers.get('cache-control'), 'private, no-cache')
  const tag = answer.headers.get('etag') ?? ''
  assert.match(tag, /^"[a-z]+-[\w-]{43}"$/)
  return tag
}

const expectUnchanged = async (answer: Response, tag: string): Promise<void> => {
  assert.equal(answer.status, 304)
  assert.equal(tagOf(answer), tag)
  assert.equal(await answer.text(), '')
}

test('the same bytes have the same ETag, and who has them gets 304', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  const [first, second] = [await get(gateway, id), await get(gateway, id)]
  const tag = tagOf(first)
  assert.equal(tagOf(second), tag)
  assert.equal(await second.text(), await first.text())
  for (const known of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
    await expectUnchanged(await get(gateway, id, known), tag)
  }
  for (const unknown of ['"other"', `"${'x'.repeat(200)}`, 'queued', tag.slice(0, -2)]) {
    assert.equal((await get(gateway, id, unknown)).status, 200)
  }
  const head = await fetch(`${gateway.url}/v1/predictions/${id}`, { method: 'HEAD' })
  assert.equal(tagOf(head), tag)
})

test('the ETag changes with the place in the queue, and with the status', async (t) => {
  const gateway = await openTestGateway(t)
  const { id: before } = await submit(gateway)
  const { id } = await submit(gateway)
  const second = tagOf(await get(gateway, id))
  await fetch(`${gateway.url}/v1/predictions/${before}`, { method: 'DELETE' })
  const answer = await get(gateway, id, second)
  assert.equal(answer.status, 200)
  assert.equal((await readPrediction(answer)).queue?.position, 0)

  await startFakeWorker(t, gateway)
  const ended = await get(gateway, id, undefined, '?wait=60')
  assert.equal((await readPrediction(ended)).status, 'succeeded')
  assert.notEqual(tagOf(ended), second)
  await expectUnchanged(await get(gateway, id, tagOf(ended), '?wait=60'), tagOf(ended))
})

test('with a wait, who knows a status is told of the next one as soon as it comes', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url })
  const { id } = await submit(gateway)
  const queued = tagOf(await get(gateway, id))
  const reads = await countReads(gateway.redis)
  const waiting = get(gateway, id, queued, '?wait=60')
  await waitUntil('it waits', async () => (await countReads(gateway.redis)) > reads)
  const gate = createGate()
  await startFakeWorker(t, gateway, gate)
  const begun = await waiting
  assert.equal((await readPrediction(begun)).status, 'processing')

  const late = await get(gateway, id, queued, '?wait=60')
  assert.equal((await readPrediction(late)).status, 'processing')

  const readsNow = await countReads(gateway.redis)
  const waitingOn = get(gateway, id, tagOf(begun), '?wait=60')
  await waitUntil('it waits again', async () => (await countReads(gateway.redis)) > readsNow)
  gate.open()
  assert.equal((await readPrediction(await waitingOn)).status, 'succeeded')
})

test('with a wait, a client that names what nobody gave it is answered at once', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  const answer = await get(gateway, id, '"what is this"', '?wait=60')
  assert.equal((await readPrediction(answer)).status, 'queued')
})

test('a wait in which nothing changes ends with 304', async (t) => {
  const gateway = await openTestGateway(t)
  const { id } = await submit(gateway)
  const tag = tagOf(await get(gateway, id))
  await expectUnchanged(await get(gateway, id, tag, '?wait=1'), tag)
})
