/**
 * Guarantee: with its pictures in a folder or in an S3 server (OpenStack Swift) the service does what it does with Redis:
 * it answers, drops what it has answered, keeps what failed for a replay, and sweeps what nobody needs. While the store is
 * away, new pictures are refused, and of those that were accepted none is lost or fails.
 */
import type { Prediction } from '@menagerie/contract/prediction'
import type { Problem } from '@menagerie/contract/problem'
import { makeForm } from '@menagerie/harness/form'
import { FIXTURES_DIR } from '@menagerie/harness/paths'
import { readTestPicture } from '@menagerie/harness/pictures'
import { isReady, waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { startService } from '../service.ts'
import { listUploads, UPLOAD_PLACES } from './places.ts'

const OPERATOR_KEY = 'the-key-of-the-operator'
const PREFIX = 'menagerie'
const JOBS = 8

// With Redis all other tests are.
const PLACES = UPLOAD_PLACES.filter(({ name }) => name !== 'redis')

for (const { name, make, skip } of PLACES) {
  test(name, { skip }, async (t) => {
    const place = await make()
    t.after(() => place.remove())
    const service = await startService(t, {
      ...place.env,
      OPERATOR_KEY,
      SWEEP_INTERVAL: '200ms',
      INFERENCE_THREADS: '1',
    })
    const { gateway } = service
    const store = place.open(PREFIX)
    const picture = await readTestPicture()
    const waitUntilEmpty = () =>
      waitUntil('no picture is left', async () => (await listUploads(store)).length === 0)
    let worker = await service.startWorker()

    await t.test('a picture is classified, and then gone', async () => {
      const receiver = await startWebhookReceiver()
      t.after(() => receiver.stop())
      const answer = await fetch(gateway.url, { method: 'POST', body: makeForm(picture) })
      assert.equal(answer.status, 200, worker.log())
      const { class_name } = (await answer.json()) as { class_name: string }
      if (FIXTURES_DIR !== null) assert.equal(class_name, 'golden_retriever')
      const { id } = await service.submit(picture, { webhook: receiver.url })
      assert.equal((await service.read(id, 60)).status, 'succeeded')
      await waitUntil('the webhook is there', () => receiver.received.length === 1)
      await waitUntilEmpty()
    })

    await t.test('what failed keeps its picture until it was replayed, deleted or purged', async () => {
      const broken = Buffer.concat([picture.subarray(0, 4), Buffer.alloc(2000, 7)])
      const callOperator = (method: string, path: string) =>
        fetch(`${gateway.url}/v1/dead-letter/${path}`, {
          method,
          headers: { authorization: `Bearer ${OPERATOR_KEY}` },
        })
      const failed = await Promise.all([1, 2, 3].map(() => service.submit(broken)))
      const [replayed, deleted, purged] = failed.map(({ id }) => id)
      const ended = await service.waitForAll(failed.map(({ id }) => id))
      for (const { status, error } of ended)
        assert.deepEqual([status, error?.code], ['failed', 'image_undecodable'])
      assert.equal((await listUploads(store)).length, 3)

      const replay = (await (await callOperator('POST', `${replayed}/replay`)).json()) as Prediction
      assert.equal((await service.read(replay.id, 60)).status, 'failed')
      assert.equal(
        (await fetch(`${gateway.url}/v1/predictions/${deleted}`, { method: 'DELETE' })).status,
        204,
      )
      assert.equal((await callOperator('DELETE', purged ?? '')).status, 204)
      assert.equal((await listUploads(store)).length, 1, 'that of the replay')
      assert.equal((await callOperator('DELETE', replay.id)).status, 204)
      await waitUntilEmpty()
    })

    await t.test('a batch stores each of its pictures', async () => {
      const form = new FormData()
      for (const file of ['a.jpg', 'b.jpg', 'c.jpg'])
        form.append('file', new Blob([new Uint8Array(picture)]), file)
      const answer = await fetch(`${gateway.url}/v1/batches`, { method: 'POST', body: form })
      assert.equal(answer.status, 202, await answer.clone().text())
      const batch = (await answer.json()) as { id: string }
      await waitUntil('the batch has ended', async () => {
        const read = await fetch(`${gateway.url}/v1/batches/${batch.id}`)
        const { status } = (await read.json()) as { status: string }
        return status === 'completed'
      })
      await waitUntilEmpty()
    })

    await t.test('a picture without a prediction is swept, one that is young is not', async () => {
      const idOf = (ageMs: number) =>
        ['mobilenet-v2', randomUUID(), (Date.now() - ageMs).toString(36), randomUUID()].join('_')
      const [old, young] = [idOf(3_600_000), idOf(0)]
      for (const id of [old, young]) await store.put(id, picture, 60_000)
      await waitUntil('the old one is swept', async () => (await store.get(old)) === null)
      assert.deepEqual(await store.get(young), picture)
      await store.delete(young)
    })

    await t.test(
      'while the store is away nothing is accepted, and nothing that was accepted fails',
      async () => {
        assert.equal(await worker.stop(), 0, worker.log())
        const accepted = await Promise.all(Array.from({ length: JOBS }, () => service.submit(picture)))
        const ids = accepted.map(({ id }) => id)
        await place.takeAway()
        worker = await service.startWorker({}, { mustBeReady: false })
        await waitUntil('the worker has noticed', async () => {
          const answer = await fetch(`${worker.url}/readyz`).catch(() => null)
          return (await answer?.text())?.includes('upload_store_unavailable') === true
        })
        const refused = await fetch(`${gateway.url}/v1/predictions`, {
          method: 'POST',
          body: makeForm(picture),
        })
        assert.equal(refused.status, 503)
        assert.equal(((await refused.json()) as Problem).code, 'upload_store_unavailable')
        assert.ok(Number(refused.headers.get('retry-after')) > 0)
        assert.equal(await isReady(gateway.url), true, 'what was classified can still be read')
        const canceled = ids.pop() ?? ''
        const cancel = await fetch(`${gateway.url}/v1/predictions/${canceled}/cancel`, { method: 'POST' })
        assert.equal(((await cancel.json()) as Prediction).status, 'canceled')

        await place.bringBack()
        const ended = await service.waitForAll(ids)
        for (const { status, error } of ended)
          assert.equal(status, 'succeeded', `${error?.code}\n${worker.log()}`)
        assert.equal(await isReady(worker.url), true)
        await store.delete((await listUploads(store)).find((id) => id.includes(canceled)) ?? '')
        await waitUntilEmpty()
        assert.doesNotMatch(`${gateway.log()}${worker.log()}`, /secret-of-the-tests/)
      },
    )
    assert.equal(await worker.stop(), 0, worker.log())
  })
}
