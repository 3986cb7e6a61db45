/** What is told of a tenant's predictions is signed with the tenant's secrets, and is nobody else's business. */
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { Queue } from 'bullmq'
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test, type TestContext } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { expectProblem, postForm, readPrediction } from '../testing/requests.ts'
import { as, formatKeysFile, withTenants } from '../testing/tenants.ts'

const makeSecret = (letter: string): string => `whsec_${Buffer.from(letter.repeat(32)).toString('base64')}`
const NEW = makeSecret('n')
const OLD = makeSecret('o')
const BOBS = makeSecret('b')

const openTenantGateway = async (t: TestContext, env: Record<string, string>) => {
  const tenants = { ann: { webhook_secrets: [NEW, OLD] }, bob: { webhook_secrets: [BOBS] }, cat: {} }
  const gateway = await openTestGateway(t, {
    WEBHOOK_ALLOW_PRIVATE: '1',
    WEBHOOK_RETRY_DELAYS: '0.05s',
    ...(await withTenants(t, tenants)),
    ...env,
  })
  await startFakeWorker(t, gateway)
  return gateway
}

const deliverTo = async (t: TestContext, gateway: TestGateway, tenant: string, secret: string) => {
  const receiver = await startWebhookReceiver({ secret })
  atEnd(t, 'receiver', () => receiver.stop())
  const fields = { webhook: receiver.url, webhook_events_filter: 'start,completed' }
  const { id } = await readPrediction(await postForm(gateway, { fields, headers: as(tenant) }))
  await waitUntil('both are delivered', () => receiver.received.length === 2)
  return { id, isValid: receiver.received.every(({ isSignatureValid }) => isSignatureValid) }
}

test('each tenant’s webhooks verify with each of its own secrets, and with no other', async (t) => {
  const gateway = await openTenantGateway(t, { WEBHOOK_SECRET })
  for (const [tenant, secret, isExpected] of [
    ['ann', NEW, true],
    ['ann', OLD, true],
    ['ann', BOBS, false],
    ['ann', WEBHOOK_SECRET, false],
    ['bob', BOBS, true],
    ['cat', WEBHOOK_SECRET, true],
  ] as const) {
    assert.equal((await deliverTo(t, gateway, tenant, secret)).isValid, isExpected)
  }
})

test('without a secret of the server, those who have their own are served', async (t) => {
  const gateway = await openTenantGateway(t, {})
  assert.equal((await deliverTo(t, gateway, 'ann', NEW)).isValid, true)
  const fields = { webhook: 'http://127.0.0.1:1/' }
  await expectProblem(await postForm(gateway, { fields, headers: as('cat') }), 'webhooks_disabled')
})

test('the deliveries of a tenant look to others as if there were none, also when the prediction is gone', async (t) => {
  const gateway = await openTenantGateway(t, { WEBHOOK_SECRET })
  const { id } = await deliverTo(t, gateway, 'ann', NEW)
  const url = `${gateway.url}/v1/predictions/${id}`
  const expectNothing = async (headers: Record<string, string>): Promise<void> => {
    await expectProblem(await fetch(`${url}/deliveries`, { headers }), 'prediction_not_found')
    const redelivery = await fetch(`${url}/deliveries/1/redeliver`, { method: 'POST', headers })
    await expectProblem(redelivery, 'prediction_not_found')
    await expectProblem(await fetch(url, { method: 'DELETE', headers }), 'prediction_not_found')
  }
  await expectNothing(as('bob'))
  await gateway.redis.del(gateway.queue.toKey(id))
  await expectNothing(as('bob'))
  const headers = as('ann')
  assert.equal((await fetch(`${url}/deliveries`, { headers })).status, 200)
  assert.equal((await fetch(url, { method: 'DELETE', headers })).status, 204)
  await expectNothing(headers)
})

const MINUTE_MS = 60_000

test('what has no secret waits for one without an attempt, and is given up when its schedule is over', async (t) => {
  const receiver = await startWebhookReceiver({ secret: NEW })
  atEnd(t, 'receiver', () => receiver.stop())
  for (const [delays, isGivenUp] of [
    ['1h', false],
    ['0.05s', true],
  ] as const) {
    const tenants = { ann: { webhook_secrets: [NEW] }, bob: {} }
    const env = await withTenants(t, tenants)
    const gateway = await openTestGateway(t, {
      WEBHOOK_SECRET,
      WEBHOOK_ALLOW_PRIVATE: '1',
      WEBHOOK_RETRY_DELAYS: delays,
      ...env,
    })
    const fields = { webhook: receiver.url }
    const { id } = await readPrediction(await postForm(gateway, { fields, headers: as('ann') }))
    await writeFile(env.API_KEYS_FILE, formatKeysFile({ bob: {} }))
    await waitUntil('she is out', () => gateway.logText().includes('API keys read again'))

    await startFakeWorker(t, gateway)
    const queue = new Queue('webhooks', { connection: gateway.redis, prefix: gateway.prefix })
    const find = async () => queue.getJob(`wh-${id}`)
    const expected = isGivenUp ? 'failed' : 'delayed'
    await waitUntil('it is put off', async () => (await (await find())?.getState()) === expected)
    assert.equal((await find())?.attemptsMade, isGivenUp ? 1 : 0)
    assert.equal(receiver.received.length, 0)
    if (isGivenUp) {
      const { logs } = await queue.getJobLogs(`wh-${id}`)
      assert.match(logs.join(), /no_secret/)
      continue
    }
    const [next] = await queue.getDelayed()
    assert.ok((next?.delay ?? 0) > MINUTE_MS / 2, 'it is not asked all the time')

    await writeFile(env.API_KEYS_FILE, formatKeysFile(tenants))
    await waitUntil('she is back', () => gateway.logText().split('API keys read again').length === 3)
    await (await find())?.promote()
    await waitUntil('it is delivered', () => receiver.received.length === 1)
    assert.equal(receiver.received.pop()?.isSignatureValid, true)
  }
})
