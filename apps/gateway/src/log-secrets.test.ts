/** What clients and operators trust the gateway with is not in its log, whatever happens. */
import { findFreePort, waitUntil } from '@menagerie/harness/processes'
import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failWith, startFakeWorker } from './testing/fake-worker.ts'
import { openTestGateway } from './testing/open-test-gateway.ts'
import { createRestrictedUser, startPrivateRedis } from './testing/private-redis.ts'
import { PICTURE, postForm, submit } from './testing/requests.ts'

const OPERATOR_KEY = 'operator-key-that-nobody-may-read'
const SECRETS = {
  'the operator key': OPERATOR_KEY,
  'the webhook secret': WEBHOOK_SECRET.slice('whsec_'.length),
  'the password of Redis': 'a-password',
  'a wrong key': 'wrong-key-of-a-client',
  'a cookie': 'session-of-a-client',
  'the query of a webhook URL': 'token-of-a-receiver',
  'the query of a request': 'token-in-a-query',
  metadata: 'private-metadata',
  'the picture': PICTURE.subarray(100, 160).toString('latin1'),
}

test('no secret, key, webhook query or picture gets into the log', async (t) => {
  const server = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, {
    REDIS_URL: await createRestrictedUser(server.url, ['debug']),
    OPERATOR_KEY,
    WEBHOOK_SECRET,
    WEBHOOK_ALLOW_PRIVATE: '1',
    WEBHOOK_RETRY_DELAYS: '100ms',
  })
  await startFakeWorker(t, gateway, { answer: failWith('something unforeseen') })
  const headers = {
    authorization: `Bearer ${SECRETS['a wrong key']}`,
    cookie: `session=${SECRETS['a cookie']}`,
  }
  const fields = {
    webhook: `http://127.0.0.1:${await findFreePort()}/hook?token=${SECRETS['the query of a webhook URL']}`,
    metadata: JSON.stringify({ note: SECRETS.metadata }),
  }
  const query = `?token=${SECRETS['the query of a request']}`

  await submit(gateway, { fields })
  const refused = await Promise.all([
    postForm(gateway, { path: `/v1/predictions${query}`, fields, headers }),
    postForm(gateway, { fields: { ...fields, top_k: '0' }, headers }),
    fetch(`${gateway.url}/v1/dead-letter${query}`, { headers }),
    fetch(`${gateway.url}/v1/dead-letter${query}`, { headers: { authorization: `Bearer ${OPERATOR_KEY}` } }),
    fetch(`${gateway.url}/nowhere${query}`, { headers }),
  ])
  assert.deepEqual(
    refused.map(({ status }) => status),
    [400, 400, 401, 400, 404],
  )
  await waitUntil('the webhook has failed', () => gateway.logText().includes('webhook attempt failed'))
  await server.stop()
  const { status } = await postForm(gateway, { fields, headers })
  assert.equal(status, 503)

  const log = gateway.logText()
  for (const line of ['request failed', 'webhook attempt failed', 'redis'])
    assert.ok(log.includes(line), line)
  for (const [what, secret] of Object.entries(SECRETS))
    assert.ok(!log.includes(secret), `${what} is in the log`)
})
