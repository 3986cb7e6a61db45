/** A Redis without room refuses new work and loses none: the queue says so, with 503 and `queue_full`. */
import { waitUntil } from '@menagerie/harness/processes'
import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestGateway } from './testing/open-test-gateway.ts'
import { startPrivateRedis } from './testing/private-redis.ts'
import { expectProblem, getPrediction, postForm, submit } from './testing/requests.ts'

test('new work is refused while Redis is full, what is there can be read, and then it goes on', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url, WEBHOOK_SECRET })
  const { id } = await submit(gateway)
  const stored = await gateway.listUploads()

  await gateway.redis.config('SET', 'maxmemory', '1mb')
  const answers = await Promise.all([
    postForm(gateway, { path: '/' }),
    postForm(gateway),
    postForm(gateway, { fields: { webhook: 'https://example.com/hook' } }),
    fetch(`${gateway.url}/readyz`),
  ])
  for (const answer of answers) await expectProblem(answer, 'queue_full')
  assert.deepEqual(await gateway.listUploads(), stored)
  assert.equal(await gateway.queue.count(), 1)
  assert.equal((await getPrediction(gateway, id)).status, 'queued')

  await gateway.redis.config('SET', 'maxmemory', '0')
  assert.equal((await fetch(`${gateway.url}/readyz`)).status, 200)
  await submit(gateway)
  await submit(gateway, { fields: { webhook: 'https://example.com/hook' } })
})

test('a picture that fills Redis up is refused, and what comes when there is room again is taken', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url, WEBHOOK_SECRET })
  const used = Number(/^used_memory:(\d+)/m.exec(await gateway.redis.info('memory'))?.[1])
  // Room for the beginning of the picture: then the job finds Redis full.
  await gateway.redis.config('SET', 'maxmemory', String(used + 1000))
  const fields = { webhook: 'https://example.com/hook' }
  const answers = []
  for (let i = 0; i < 5; i++) answers.push(await postForm(gateway, { fields }))
  for (const answer of answers) await expectProblem(answer, 'queue_full')

  await gateway.redis.config('SET', 'maxmemory', '0')
  await waitUntil('a prediction with a webhook is taken', async () => {
    const { status } = await postForm(gateway, { fields })
    return status === 202
  })
})
