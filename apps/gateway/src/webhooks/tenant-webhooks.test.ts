/** What is told of a tenant's predictions is signed with the tenant's secrets, and is nobody else's business. */
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { hashKey } from '../tenants/tenants.ts'
import { atEnd } from '../testing/at-end.ts'
import { startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { expectProblem, postForm, readPrediction } from '../testing/requests.ts'

const makeSecret = (letter: string): string => `whsec_${Buffer.from(letter.repeat(32)).toString('base64')}`
const KEYS = { ann: 'key-of-ann', bob: 'key-of-bob', cat: 'key-of-cat' }
const NEW = makeSecret('n')
const OLD = makeSecret('o')
const BOBS = makeSecret('b')

const openTenantGateway = async (t: TestContext, env: Record<string, string>) => {
  const folder = await mkdtemp(join(tmpdir(), 'menagerie-keys-'))
  atEnd(t, 'folder', () => rm(folder, { recursive: true }))
  const path = join(folder, 'keys.json')
  const tenants = [
    { id: 'ann', keys: [hashKey(KEYS.ann)], webhook_secrets: [NEW, OLD] },
    { id: 'bob', keys: [hashKey(KEYS.bob)], webhook_secrets: [BOBS] },
    { id: 'cat', keys: [hashKey(KEYS.cat)] },
  ]
  await writeFile(path, JSON.stringify({ tenants }))
  const gateway = await openTestGateway(t, {
    WEBHOOK_ALLOW_PRIVATE: '1',
    WEBHOOK_RETRY_DELAYS: '0.05s',
    API_KEYS_FILE: path,
    ...env,
  })
  await startFakeWorker(t, gateway)
  return gateway
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

const deliverTo = async (t: TestContext, gateway: TestGateway, key: string, secret: string) => {
  const receiver = await startWebhookReceiver({ secret })
  atEnd(t, 'receiver', () => receiver.stop())
  const fields = { webhook: receiver.url, webhook_events_filter: 'start,completed' }
  const { id } = await readPrediction(await postForm(gateway, { fields, headers: bearer(key) }))
  await waitUntil('both are delivered', () => receiver.received.length === 2)
  return { id, isValid: receiver.received.every(({ isSignatureValid }) => isSignatureValid) }
}

test('each tenant’s webhooks verify with each of its own secrets, and with no other', async (t) => {
  const gateway = await openTenantGateway(t, { WEBHOOK_SECRET })
  for (const [key, secret, isExpected] of [
    [KEYS.ann, NEW, true],
    [KEYS.ann, OLD, true],
    [KEYS.ann, BOBS, false],
    [KEYS.ann, WEBHOOK_SECRET, false],
    [KEYS.bob, BOBS, true],
    [KEYS.cat, WEBHOOK_SECRET, true],
  ] as const) {
    assert.equal((await deliverTo(t, gateway, key, secret)).isValid, isExpected)
  }
})

test('without a secret of the server, those who have their own are served', async (t) => {
  const gateway = await openTenantGateway(t, {})
  assert.equal((await deliverTo(t, gateway, KEYS.ann, NEW)).isValid, true)
  const fields = { webhook: 'http://127.0.0.1:1/' }
  await expectProblem(await postForm(gateway, { fields, headers: bearer(KEYS.cat) }), 'webhooks_disabled')
})

test('the deliveries of a tenant look to others as if there were none, also when the prediction is gone', async (t) => {
  const gateway = await openTenantGateway(t, { WEBHOOK_SECRET })
  const { id } = await deliverTo(t, gateway, KEYS.ann, NEW)
  const url = `${gateway.url}/v1/predictions/${id}`
  const expectNothing = async (headers: Record<string, string>): Promise<void> => {
    await expectProblem(await fetch(`${url}/deliveries`, { headers }), 'prediction_not_found')
    const redelivery = await fetch(`${url}/deliveries/1/redeliver`, { method: 'POST', headers })
    await expectProblem(redelivery, 'prediction_not_found')
    await expectProblem(await fetch(url, { method: 'DELETE', headers }), 'prediction_not_found')
  }
  await expectNothing(bearer(KEYS.bob))
  await gateway.redis.del(gateway.queue.toKey(id))
  await expectNothing(bearer(KEYS.bob))
  const headers = bearer(KEYS.ann)
  assert.equal((await fetch(`${url}/deliveries`, { headers })).status, 200)
  assert.equal((await fetch(url, { method: 'DELETE', headers })).status, 204)
  await expectNothing(headers)
})
