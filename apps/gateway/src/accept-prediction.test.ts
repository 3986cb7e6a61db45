/** A picture and its job are stored together: when one of them is refused, the other must go again. */
import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '@menagerie/harness/processes'
import { openTestGateway } from './testing/open-test-gateway.ts'
import { createRestrictedUser, startPrivateRedis } from './testing/private-redis.ts'
import { expectProblem, postForm } from './testing/requests.ts'

for (const [what, fields] of [
  ['a prediction', {}],
  ['a prediction with a webhook', { webhook: 'https://example.com/hook' }],
] as const) {
  test(`${what} that cannot be enqueued leaves no picture behind`, async (t) => {
    const server = await startPrivateRedis(t)
    // May store pictures, but not run the scripts that enqueue.
    const url = await createRestrictedUser(server.url, ['eval', 'evalsha'])
    const gateway = await openTestGateway(t, { REDIS_URL: url, WEBHOOK_SECRET })
    for (const path of ['/', '/v1/predictions']) {
      await expectProblem(await postForm(gateway, { path, fields }), 'queue_unavailable')
      assert.deepEqual(await gateway.listUploads(), [])
      const jobs = await gateway.redis.keys(`${gateway.prefix}:*:*-*-*-*-*`)
      assert.deepEqual(jobs, [])
    }
  })
}

test('a prediction whose picture cannot be stored leaves no job behind', async (t) => {
  const server = await startPrivateRedis(t)
  const url = await createRestrictedUser(server.url, ['set'])
  // It cannot get ready: that takes a write of its own.
  const gateway = await openTestGateway(t, { REDIS_URL: url, WEBHOOK_SECRET }, { mustBeReady: false })
  await waitUntil('Redis is there', async () => (await fetch(`${gateway.url}/v1/models`)).status === 200)
  for (const fields of [{}, { webhook: 'https://example.com/hook' }]) {
    await expectProblem(await postForm(gateway, { fields }), 'queue_unavailable')
    assert.equal(await gateway.queue.count(), 0)
    assert.deepEqual(await gateway.redis.keys(`${gateway.prefix}:*:*-*-*-*-*`), [])
  }
})
