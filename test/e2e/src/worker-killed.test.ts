// A worker that is killed with kill -9 loses nothing: every accepted prediction ends once a worker is back, and a
// webhook that was asked for arrives, signed.
import { readTestPicture } from '@menagerie/harness/pictures'
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startService } from './service.ts'

const JOBS = 40

test('kill -9 of the only worker while it works', async (t) => {
  const service = await startService(t)
  const receiver = await startWebhookReceiver()
  t.after(() => receiver.stop())
  const worker = await service.startWorker({ INFERENCE_THREADS: '1' })
  const picture = await readTestPicture()

  const accepted = await Promise.all(
    Array.from({ length: JOBS }, () => service.submit(picture, { webhook: receiver.url })),
  )
  const ids = accepted.map(({ id }) => id)
  const countOf = async (status: string): Promise<number> =>
    (await Promise.all(ids.map((id) => service.read(id)))).filter(
      (prediction) => prediction.status === status,
    ).length
  await waitUntil('one is being processed', async () => (await countOf('processing')) > 0)
  await worker.kill('SIGKILL')
  assert.ok((await countOf('succeeded')) < JOBS, 'the worker was killed before it was done')

  const second = await service.startWorker({ INFERENCE_THREADS: '1' })
  const ended = await service.waitForAll(ids)
  assert.deepEqual(
    ended.map(({ status }) => status),
    ids.map(() => 'succeeded'),
  )
  assert.ok(
    ended.some(({ metrics }) => metrics.attempts > 1),
    'what the dead worker had begun ran again',
  )
  await waitUntil(
    'every webhook has arrived',
    () => new Set(receiver.received.map(({ id }) => id)).size === JOBS,
  )
  assert.ok(receiver.received.every(({ isSignatureValid }) => isSignatureValid))
  assert.equal(await second.stop(), 0, second.log())
})
