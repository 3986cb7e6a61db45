/**
 * A gateway may crash between any two of its Redis commands. Each call is made again and again, and Redis taken away
 * from its gateway after the first command, the second, and so on until the call gets through; each time another gateway
 * then shows that nothing is lost, doubled or left behind.
 */
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import type { Prediction } from '@menagerie/contract/prediction'
import { createKeys } from '@menagerie/shared/keys'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { atEnd } from './testing/at-end.ts'
import { crashEverywhere, expectTidy, OPERATOR_KEY, type Scene } from './testing/crash-everywhere.ts'
import { redeliver, waitForDelivery } from './testing/deliveries.ts'
import { failWith, startFakeWorker } from './testing/fake-worker.ts'
import type { TestGateway } from './testing/open-test-gateway.ts'
import { cancel, getPrediction, postForm, readPrediction, submit } from './testing/requests.ts'
import { sweepNow } from './testing/sweep-now.ts'

const nothing = async (): Promise<null> => null

test('POST /v1/predictions', async (t) => {
  await crashEverywhere(
    t,
    {},
    nothing,
    ({ doomed }) => postForm(doomed),
    async (scene, _, answer) => {
      await startFakeWorker(t, scene.other)
      if (answer !== null) {
        const { id } = await readPrediction(answer)
        assert.equal((await getPrediction(scene.other, id, '?wait=60')).status, 'succeeded')
      }
      await expectTidy(scene)
    },
  )
})

test('POST /v1/predictions with a key, and then once more', async (t) => {
  await crashEverywhere(
    t,
    {},
    nothing,
    ({ doomed }) => postForm(doomed, { headers: { 'idempotency-key': 'a key' } }),
    async (scene, _, answer) => {
      const again = await submit(scene.other, { headers: { 'idempotency-key': 'a key' } })
      if (answer !== null) assert.equal((await readPrediction(answer)).id, again.id)
      await startFakeWorker(t, scene.other)
      assert.equal((await getPrediction(scene.other, again.id, '?wait=60')).status, 'succeeded')
      await expectTidy(scene)
      assert.equal(await scene.other.queue.getCompletedCount(), 1)
    },
  )
})

test('POST /v1/predictions with the key of one that has ended shows that, or nothing', async (t) => {
  const options = { headers: { 'idempotency-key': 'a key' } }
  await crashEverywhere(
    t,
    {},
    async ({ other }) => {
      const worker = await startFakeWorker(t, other)
      const { id } = await submit(other, options)
      const ended = await getPrediction(other, id, '?wait=60')
      await worker.close()
      return ended
    },
    ({ doomed }) => postForm(doomed, options),
    async (scene, ended, answer) => {
      if (answer !== null) assert.equal((await readPrediction(answer)).status, 'succeeded')
      assert.deepEqual(await getPrediction(scene.other, ended.id), ended)
      await expectTidy(scene)
    },
  )
})

test('POST /v1/predictions with a key and a webhook, and then once more', async (t) => {
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  const options = { headers: { 'idempotency-key': 'a key' }, fields: { webhook: receiver.url } }
  await crashEverywhere(
    t,
    { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', WEBHOOK_RETRY_DELAYS: '0.1s,0.1s' },
    // The first transaction of a connection brings all its scripts along, one command each.
    ({ doomed }) => submit(doomed, { fields: options.fields }),
    ({ doomed }) => postForm(doomed, options),
    async (scene, _, answer) => {
      const again = await submit(scene.other, options)
      if (answer !== null) assert.equal((await readPrediction(answer)).id, again.id)
      await startFakeWorker(t, scene.other)
      const mine = () => receiver.received.filter(({ event }) => event.data['id'] === again.id)
      await waitUntil('it is delivered', () => mine().length > 0)
      await expectTidy(scene)
      assert.equal(new Set(mine().map(({ id }) => id)).size, 1)
      assert.equal(await scene.other.queue.getCompletedCount(), 2)
    },
  )
})

test('POST /v1/predictions/{id}/deliveries/{n}/redeliver, and then once more', async (t) => {
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  await crashEverywhere(
    t,
    // No more deliveries of the one that crashes than it makes by itself.
    { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', WEBHOOK_RETRY_DELAYS: '0.1s,0.1s' },
    async ({ other }) => {
      const worker = await startFakeWorker(t, other)
      const { id } = await submit(other, { fields: { webhook: receiver.url } })
      await waitForDelivery(other, id, ({ status }) => status === 'delivered')
      await worker.close()
      return id
    },
    ({ doomed }, id) => redeliver(doomed, id, 1),
    async (scene, id, answer) => {
      const mine = () => receiver.received.filter(({ event }) => event.data['id'] === id)
      if (answer !== null) await waitUntil('it came again', () => mine().length > 1)
      assert.equal((await redeliver(scene.other, id, 1)).status, 202)
      await waitUntil('it came', () => mine().length > 1)
      await waitForDelivery(scene.other, id, ({ status }) => status === 'delivered')
      assert.equal(new Set(mine().map(({ body }) => body)).size, 1)
      await expectTidy(scene)
    },
  )
})

test('DELETE /v1/predictions/{id} of which only the webhooks are left, and then once more', async (t) => {
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  const remove = (gateway: TestGateway, id: string) =>
    fetch(`${gateway.url}/v1/predictions/${id}`, { method: 'DELETE' })
  const options = {
    headers: { 'idempotency-key': 'a key' },
    fields: { webhook: receiver.url, webhook_events_filter: 'start,completed' },
  }
  await crashEverywhere(
    t,
    { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', WEBHOOK_RETRY_DELAYS: '0.1s,0.1s' },
    async ({ other }) => {
      const worker = await startFakeWorker(t, other)
      const { id } = await submit(other, options)
      for (const number of [1, 2]) {
        await waitForDelivery(other, id, ({ n, status }) => n === number && status === 'delivered')
      }
      await worker.close()
      await other.redis.del(other.queue.toKey(id))
      return id
    },
    ({ doomed }, id) => remove(doomed, id),
    async (scene, id, answer) => {
      const again = await remove(scene.other, id)
      if (answer !== null) assert.equal(again.status, 404)
      assert.ok([204, 404].includes(again.status))
      await sweepNow(scene.other.env)
      await expectTidy(scene)
      assert.deepEqual(await findTraces(scene, id), [])
      assert.deepEqual(await scene.other.redis.keys(`${scene.other.prefix}:webhooks:wh-*`), [])
    },
  )
})

test('POST /v1/predictions/{id}/cancel', async (t) => {
  await crashEverywhere(
    t,
    {},
    ({ other }) => submit(other),
    ({ doomed }, { id }) => cancel(doomed, id),
    async (scene, { id }, answer) => {
      const seen = await getPrediction(scene.other, id)
      if (answer !== null) assert.equal(seen.status, 'canceled')
      await startFakeWorker(t, scene.other)
      await expectTidy(scene)
      const expected = seen.status === 'canceled' ? 'canceled' : 'succeeded'
      assert.equal((await getPrediction(scene.other, id)).status, expected)
    },
  )
})

const findTraces = async ({ other }: Scene, id: string): Promise<string[]> => {
  const keys = await other.redis.keys(`${other.prefix}:*${id}*`)
  const forgets = await other.redis.zrange(createKeys(other.prefix).forgets, '0', '-1')
  return [...keys, ...forgets]
}

test('DELETE /v1/predictions/{id}, and then once more', async (t) => {
  const remove = (gateway: TestGateway, id: string) =>
    fetch(`${gateway.url}/v1/predictions/${id}`, { method: 'DELETE' })
  await crashEverywhere(
    t,
    {},
    ({ other }) => submit(other),
    ({ doomed }, { id }) => remove(doomed, id),
    async (scene, { id }, answer) => {
      const again = await remove(scene.other, id)
      if (answer !== null) assert.equal(again.status, 404)
      assert.ok([204, 404].includes(again.status))
      await sweepNow(scene.other.env)
      await expectTidy(scene)
      assert.deepEqual(await findTraces(scene, id), [])
    },
  )
})

/** Has something fail, and nobody there any more to run what comes. */
const submitFailing =
  (t: TestContext) =>
  async ({ other }: Scene): Promise<Prediction> => {
    const worker = await startFakeWorker(t, other, { answer: failWith('inference_failed: x') })
    const { id } = await submit(other)
    const failed = await getPrediction(other, id, '?wait=60')
    assert.equal(failed.status, 'failed')
    await worker.close()
    return failed
  }

const callDeadLetter = (gateway: TestGateway, method: string, rest: string) =>
  fetch(`${gateway.url}/v1/dead-letter${rest}`, {
    method,
    headers: { authorization: `Bearer ${OPERATOR_KEY}` },
  })

test('POST /v1/dead-letter/{id}/replay, and then once more', async (t) => {
  await crashEverywhere(
    t,
    {},
    submitFailing(t),
    ({ doomed }, { id }) => callDeadLetter(doomed, 'POST', `/${id}/replay`),
    async (scene, { id }, answer) => {
      const again = await callDeadLetter(scene.other, 'POST', `/${id}/replay`)
      assert.equal(again.status, 202)
      const replay = await readPrediction(again)
      if (answer !== null) assert.equal((await readPrediction(answer)).id, replay.id)
      await startFakeWorker(t, scene.other)
      assert.equal((await getPrediction(scene.other, replay.id, '?wait=60')).status, 'succeeded')
      assert.equal((await getPrediction(scene.other, id)).status, 'failed')
      await expectTidy(scene)
      assert.equal(await scene.other.queue.getCompletedCount(), 1)
      const left = await (await callDeadLetter(scene.other, 'GET', '')).json()
      assert.deepEqual(left, { items: [], has_more: false })
    },
  )
})

test('DELETE /v1/dead-letter/{id}, and then once more', async (t) => {
  await crashEverywhere(
    t,
    {},
    submitFailing(t),
    ({ doomed }, { id }) => callDeadLetter(doomed, 'DELETE', `/${id}`),
    async (scene, { id }, answer) => {
      const again = await callDeadLetter(scene.other, 'DELETE', `/${id}`)
      if (answer !== null) assert.equal(again.status, 404)
      assert.ok([204, 404].includes(again.status))
      await expectTidy(scene)
      assert.deepEqual(await findTraces(scene, id), [])
    },
  )
})
