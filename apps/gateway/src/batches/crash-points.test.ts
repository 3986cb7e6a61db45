/**
 * A gateway may crash between any two of the Redis commands with which it accepts or cancels a batch. What its client was
 * told of is never lost; what it was not told of is gone on with by the sweeper, and comes to its end.
 */
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { createKeys } from '@menagerie/shared/keys'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import {
  cancelBatch,
  getBatch,
  getResults,
  makeFiles,
  postBatch,
  readBatch,
  submitBatch,
} from '../testing/batches.ts'
import { crashEverywhere, expectTidy, type Scene } from '../testing/crash-everywhere.ts'
import { startFakeWorker } from '../testing/fake-worker.ts'
import { sweepNow } from '../testing/sweep-now.ts'

const FILES = makeFiles(3)
const nothing = async (): Promise<null> => null

/** Every batch that Redis has can be read, and has ended well. */
const expectAllCompleted = async ({ other }: Scene): Promise<string[]> => {
  const ids = await other.redis.zrange(createKeys(other.prefix).batchIndex, '0', '-1')
  for (const id of ids) {
    const results = await getResults(other, id)
    assert.deepEqual(
      results.map(({ status }) => status),
      FILES.map(() => 'succeeded'),
    )
    assert.equal((await getBatch(other, id)).status, 'completed')
  }
  return ids
}

test('POST /v1/batches', async (t) => {
  await crashEverywhere(
    t,
    {},
    nothing,
    ({ doomed }) => postBatch(doomed, FILES),
    async (scene, _, answer) => {
      await sweepNow(scene.other.env)
      await startFakeWorker(t, scene.other)
      const ids = await expectAllCompleted(scene)
      if (answer !== null) assert.deepEqual(ids, [(await readBatch(answer)).id])
      await expectTidy(scene)
    },
  )
})

test('POST /v1/batches with a key, and then once more', async (t) => {
  const options = { headers: { 'idempotency-key': 'a key' } }
  await crashEverywhere(
    t,
    {},
    nothing,
    ({ doomed }) => postBatch(doomed, FILES, options),
    async (scene, _, answer) => {
      const again = await submitBatch(scene.other, FILES, options)
      if (answer !== null) assert.equal((await readBatch(answer)).id, again.id)
      await startFakeWorker(t, scene.other)
      assert.deepEqual(await expectAllCompleted(scene), [again.id])
      await expectTidy(scene)
      assert.equal(await scene.other.queue.getCompletedCount(), FILES.length)
    },
  )
})

test('POST /v1/batches with a webhook', async (t) => {
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  await crashEverywhere(
    t,
    { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', WEBHOOK_RETRY_DELAYS: '0.1s,0.1s' },
    nothing,
    ({ doomed }) => postBatch(doomed, FILES, { fields: { webhook: receiver.url } }),
    async (scene, _, answer) => {
      await sweepNow(scene.other.env)
      await startFakeWorker(t, scene.other)
      const ids = await expectAllCompleted(scene)
      if (answer !== null) assert.equal(ids.length, 1)
      for (const id of ids) {
        const mine = () => receiver.received.filter(({ event }) => event.data['id'] === id)
        await waitUntil('its webhook is there', () => mine().length > 0)
        assert.equal(new Set(mine().map((webhook) => webhook.id)).size, 1)
      }
      await expectTidy(scene)
    },
  )
})

test('POST /v1/batches/{id}/cancel', async (t) => {
  await crashEverywhere(
    t,
    {},
    ({ other }) => submitBatch(other, FILES),
    ({ doomed }, { id }) => cancelBatch(doomed, id),
    async (scene, { id }, answer) => {
      const { status } = await getBatch(scene.other, id)
      if (answer !== null) assert.equal(status, 'canceled')
      // Goes on with what was broken off.
      await sweepNow(scene.other.env)
      await startFakeWorker(t, scene.other)
      const statuses = new Set((await getResults(scene.other, id)).map((result) => result.status))
      assert.deepEqual([...statuses], [status === 'canceled' ? 'canceled' : 'succeeded'])
      await expectTidy(scene)
    },
  )
})
