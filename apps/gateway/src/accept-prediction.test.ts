/** A picture is stored before its job: when the job is then refused, the picture must go again. */
import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test } from 'node:test'
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
      const jobs = await gateway.redis.keys(`${gateway.prefix}:*:*-*`)
      assert.deepEqual(jobs, [])
    }
  })
}
