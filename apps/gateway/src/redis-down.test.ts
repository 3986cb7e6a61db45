/** Without Redis every call is answered quickly and honestly, and nobody has to restart the gateway afterwards. */
import { findFreePort, isReady, waitUntil } from '@menagerie/harness/processes'
import { WEBHOOK_SECRET, startWebhookReceiver } from '@menagerie/harness/webhook-receiver'
import { createKeys } from '@menagerie/shared/keys'
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { atEnd } from './testing/at-end.ts'
import { startFakeWorker } from './testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from './testing/open-test-gateway.ts'
import { countReads, startPrivateRedis, waitForSubscribers } from './testing/private-redis.ts'
import { expectProblem, getPrediction, postForm, readPrediction, submit } from './testing/requests.ts'

const SOME_ID = '00000000-0000-4000-8000-000000000000'

const expectUnavailable = async (gateway: TestGateway): Promise<void> => {
  const answers = await Promise.all([
    postForm(gateway, { path: '/' }),
    postForm(gateway),
    postForm(gateway, { headers: { prefer: 'wait=60' } }),
    fetch(`${gateway.url}/v1/predictions/${SOME_ID}`),
    fetch(`${gateway.url}/readyz`),
  ])
  for (const answer of answers) await expectProblem(answer, 'queue_unavailable')
  assert.equal((await fetch(`${gateway.url}/livez`)).status, 200)
}

/** Has the gateway closed before the Redis that was started last; and sees that it listens again. */
const closeWhileRedisIsThere = async (t: TestContext, gateway: TestGateway): Promise<void> => {
  atEnd(t, 'gateway, while Redis is there', () => gateway.close())
  await waitForSubscribers(gateway.redis)
}

test('a gateway that starts before Redis answers 503, and works once Redis is there', async (t) => {
  const port = await findFreePort()
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  const gateway = await openTestGateway(
    t,
    { REDIS_URL: `redis://127.0.0.1:${port}`, WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1' },
    { mustBeReady: false },
  )
  await expectUnavailable(gateway)
  await expectProblem(await fetch(`${gateway.url}/v1/models`), 'queue_unavailable')
  await expectUnavailable(gateway)

  await startPrivateRedis(t, { port })
  await closeWhileRedisIsThere(t, gateway)
  await waitUntil('it is ready', () => isReady(gateway.url))
  assert.deepEqual(await gateway.listUploads(), [])
  await startFakeWorker(t, gateway)
  const answer = await postForm(gateway, { path: '/' })
  assert.equal(answer.status, 200)
  const { id } = await submit(gateway, { fields: { webhook: receiver.url } })
  assert.equal((await getPrediction(gateway, id, '?wait=60')).status, 'succeeded')
  await waitUntil('the webhook is there', () => receiver.received.length === 1)
})

test('Redis that is killed and comes back still has what was accepted', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'gateway-redis-'))
  atEnd(t, 'redis folder', () => rm(dir, { recursive: true, force: true }))
  const redis = await startPrivateRedis(t, { dir, durable: true })
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url })
  const { id } = await submit(gateway)
  const before = await countReads(gateway.redis)
  const waiting = fetch(`${gateway.url}/v1/predictions/${id}?wait=60`)
  await waitUntil('somebody waits', async () => (await countReads(gateway.redis)) > before)

  redis.kill('SIGKILL')
  await redis.exited
  await expectUnavailable(gateway)
  await startPrivateRedis(t, { dir, durable: true, port: redis.port })
  await closeWhileRedisIsThere(t, gateway)
  await waitUntil('it is ready again', () => isReady(gateway.url))
  await startFakeWorker(t, gateway)
  // Also for those who waited all the time.
  assert.equal((await readPrediction(await waiting)).status, 'succeeded')
  assert.equal((await postForm(gateway, { path: '/' })).status, 200)
})

test('a wait that ends while Redis is away is answered, not held', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url })
  const { id } = await submit(gateway)
  const before = await countReads(gateway.redis)
  const waiting = fetch(`${gateway.url}/v1/predictions/${id}?wait=3`)
  await waitUntil('somebody waits', async () => (await countReads(gateway.redis)) > before)
  redis.kill('SIGKILL')
  await redis.exited
  await expectProblem(await waiting, 'queue_unavailable')
  await startPrivateRedis(t, { port: redis.port })
  await closeWhileRedisIsThere(t, gateway)
})

test('a Redis that hangs is answered as unavailable; whatever it took when it goes on has its picture', async (t) => {
  const redis = await startPrivateRedis(t)
  const gateway = await openTestGateway(t, { REDIS_URL: redis.url })
  redis.kill('SIGSTOP')
  const answers = await Promise.all([
    postForm(gateway, { path: '/' }),
    postForm(gateway),
    fetch(`${gateway.url}/readyz`),
  ])
  for (const answer of answers) await expectProblem(answer, 'queue_unavailable')

  redis.kill('SIGCONT')
  await waitUntil('it is ready again', () => isReady(gateway.url))
  // The gateway cannot know what Redis did in the end. A job without its picture would fail for nothing.
  for (const { data } of await gateway.queue.getJobs(['prioritized'])) {
    assert.equal(await gateway.redis.exists(createKeys(gateway.prefix).upload(data.upload.id)), 1)
  }
  assert.equal((await postForm(gateway)).status, 202)
})
