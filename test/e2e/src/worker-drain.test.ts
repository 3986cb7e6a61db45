// SIGTERM loses nothing and delays nothing: the worker is not ready at once, hands back what it cannot finish in time
// without using up an attempt, and exits 0; another worker goes on.
import { readTestPicture } from '@menagerie/harness/pictures'
import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startService } from './service.ts'

const JOBS = 60

for (const drainTimeout of ['20s', '0s']) {
  test(`SIGTERM under load with DRAIN_TIMEOUT=${drainTimeout}`, async (t) => {
    const service = await startService(t)
    const worker = await service.startWorker({ INFERENCE_THREADS: '1', DRAIN_TIMEOUT: drainTimeout })
    const picture = await readTestPicture()
    const ids = (await Promise.all(Array.from({ length: JOBS }, () => service.submit(picture)))).map(
      ({ id }) => id,
    )
    await waitUntil('one is being processed', async () =>
      (await Promise.all(ids.map((id) => service.read(id)))).some(({ status }) => status === 'processing'),
    )
    assert.equal(await worker.stop(), 0, worker.log())
    const begun = await Promise.all(ids.map((id) => service.read(id)))
    assert.ok(
      begun.some(({ status }) => status !== 'succeeded'),
      'some were left for the next worker',
    )

    const second = await service.startWorker()
    const ended = await service.waitForAll(ids)
    assert.ok(ended.every(({ status }) => status === 'succeeded'))
    assert.equal(await second.stop(), 0, second.log())
  })
}
