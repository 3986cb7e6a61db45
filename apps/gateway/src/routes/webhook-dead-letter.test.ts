import type { WebhookDeadLetter } from '@menagerie/contract/delivery'
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { makeFiles, postBatch } from '../testing/batches.ts'
import { waitForDelivery } from '../testing/deliveries.ts'
import { startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { expectProblem, submit } from '../testing/requests.ts'

const OPERATOR_KEY = 'the-key-of-the-operator'
const ENV = { OPERATOR_KEY, WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', WEBHOOK_RETRY_DELAYS: '0.05s' }
const WEBHOOKS = 3

const call = (gateway: TestGateway, method: string, rest = '', key = OPERATOR_KEY): Promise<Response> =>
  fetch(`${gateway.url}/v1/dead-letter/webhooks${rest}`, {
    method,
    headers: { authorization: `Bearer ${key}` },
  })

const list = async (gateway: TestGateway, query = '') => {
  const answer = await call(gateway, 'GET', query)
  assert.equal(answer.status, 200)
  return (await answer.json()) as { items: WebhookDeadLetter[]; has_more: boolean }
}

test('what was given up is listed, and can be sent again one by one and together', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  await startFakeWorker(t, gateway)
  let isBroken = true
  const receiver = await startWebhookReceiver({ answer: () => (isBroken ? 500 : 200) })
  atEnd(t, 'receiver', () => receiver.stop())
  const ids: string[] = []
  for (let i = 0; i < WEBHOOKS; i++) {
    const { id } = await submit(gateway, { fields: { webhook: `${receiver.url}?token=secret` } })
    await waitForDelivery(gateway, id, ({ status }) => status === 'failed')
    ids.push(id)
  }

  const { items, has_more } = await list(gateway)
  assert.equal(has_more, false)
  assert.deepEqual(
    items.map(({ prediction_id, webhook_id }) => [prediction_id, webhook_id]),
    ids.map((id) => [id, `wh-${id}`]),
  )
  const [first] = items
  assert.equal(first?.event, 'prediction.completed')
  assert.equal(first.host, new URL(receiver.url).host)
  assert.equal(first.attempts, 2)
  assert.match(first.reason, /answered 500/)
  assert.ok(!JSON.stringify(items).includes('token'), 'the URL may hold a secret')
  const page = await list(gateway, '?limit=2')
  assert.equal(page.items.length, 2)
  assert.equal(page.has_more, true)

  isBroken = false
  assert.equal((await call(gateway, 'POST', `/wh-${ids[0]}/replay`)).status, 202)
  await waitForDelivery(gateway, ids[0] ?? '', ({ status }) => status === 'delivered')
  await expectProblem(await call(gateway, 'POST', `/wh-${ids[0]}/replay`), 'dead_letter_not_found')
  await expectProblem(await call(gateway, 'POST', '/wh-unknown/replay'), 'dead_letter_not_found')

  const all = await call(gateway, 'POST', '/replay')
  assert.deepEqual(await all.json(), { replayed: WEBHOOKS - 1, has_more: false })
  for (const id of ids) await waitForDelivery(gateway, id, ({ status }) => status === 'delivered')
  assert.deepEqual(await list(gateway), { items: [], has_more: false })
})

test('what its receiver wants no more of is not sent with all others, but by its id', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  await startFakeWorker(t, gateway)
  let status = 410
  const receiver = await startWebhookReceiver({ answer: () => status })
  atEnd(t, 'receiver', () => receiver.stop())
  const giveUp = async (): Promise<string> => {
    const { id } = await submit(gateway, { fields: { webhook: receiver.url } })
    await waitForDelivery(gateway, id, (delivery) => delivery.status === 'failed')
    return id
  }
  const unwanted = await giveUp()
  status = 500
  const wanted = await giveUp()

  status = 200
  const all = await call(gateway, 'POST', '/replay?limit=1')
  assert.deepEqual(await all.json(), { replayed: 1, has_more: false })
  await waitForDelivery(gateway, wanted, (delivery) => delivery.status === 'delivered')
  assert.deepEqual(
    (await list(gateway)).items.map(({ prediction_id }) => prediction_id),
    [unwanted],
  )
  assert.equal((await call(gateway, 'POST', `/wh-${unwanted}/replay`)).status, 202)
  await waitForDelivery(gateway, unwanted, (delivery) => delivery.status === 'delivered')
})

test('one that goes while the list is read is not in it, and breaks nothing', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  await startFakeWorker(t, gateway)
  const ids: string[] = []
  for (let i = 0; i < 2; i++) {
    const { id } = await submit(gateway, { fields: { webhook: 'http://127.0.0.1:1/' } })
    await waitForDelivery(gateway, id, ({ status }) => status === 'failed')
    ids.push(id)
  }
  // Its id is read from the set of those that failed, and what it was is gone.
  await gateway.redis.del(`${gateway.prefix}:webhooks:wh-${ids[0]}`)
  const { items } = await list(gateway)
  assert.deepEqual(
    items.map(({ prediction_id }) => prediction_id),
    [ids[1]],
  )
})

test('that of a batch is among them, by the id of the batch', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  await startFakeWorker(t, gateway)
  const answer = await postBatch(gateway, makeFiles(2), { fields: { webhook: 'http://127.0.0.1:1/' } })
  const { id } = (await answer.json()) as { id: string }
  let items: WebhookDeadLetter[] = []
  await waitUntil('it is given up', async () => {
    items = (await list(gateway)).items
    return items.length > 0
  })
  assert.deepEqual(
    items.map(({ prediction_id, event }) => [prediction_id, event]),
    [[id, 'batch.completed']],
  )
})

test('only the operator may see it', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  await expectProblem(await call(gateway, 'GET', '', 'another-key-altogether'), 'operator_key_invalid')
  await expectProblem(
    await call(gateway, 'POST', '/replay', 'another-key-altogether'),
    'operator_key_invalid',
  )
})
