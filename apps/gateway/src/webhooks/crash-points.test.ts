/** As ../crash-points.test.ts: what can be done with webhooks, broken off after each of its Redis commands. */
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { crashEverywhere, expectTidy, findTraces } from '../testing/crash-everywhere.ts'
import { redeliver, waitForDelivery } from '../testing/deliveries.ts'
import { startFakeWorker } from '../testing/fake-worker.ts'
import type { TestGateway } from '../testing/open-test-gateway.ts'
import { submit } from '../testing/requests.ts'
import { sweepNow } from '../testing/sweep-now.ts'

test('POST /v1/predictions/{id}/deliveries/{n}/redeliver, and then once more', async (t) => {
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  await crashEverywhere(
    t,
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
