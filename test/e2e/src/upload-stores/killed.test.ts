/**
 * Guarantee: with pictures in a folder, a kill -9 of a gateway while it takes some in, and of a worker while it runs them,
 * loses nothing that was accepted, and a sweep leaves no picture behind.
 */
import { makeForm } from '@menagerie/harness/form'
import { readTestPicture } from '@menagerie/harness/pictures'
import { startGateway, waitUntil } from '@menagerie/harness/processes'
import { sweepNow } from '@menagerie/gateway/testing/sweep-now'
import type { Prediction } from '@menagerie/contract/prediction'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startService } from '../service.ts'
import { listUploads, makeFsPlace } from './places.ts'

const PREFIX = 'menagerie'
const REQUESTS = 60
const ACCEPTED_MIN = 10

test('kill -9 of the gateway and of the worker', async (t) => {
  const place = await makeFsPlace()
  t.after(() => place.remove())
  const service = await startService(t, { ...place.env, INFERENCE_THREADS: '1', JOB_LOCK: '2s' })
  const picture = await readTestPicture()
  const doomed = await startGateway(service.env)
  t.after(() => doomed.kill('SIGKILL'))

  const ids: string[] = []
  const post = async (): Promise<void> => {
    const answer = await fetch(`${doomed.url}/v1/predictions`, { method: 'POST', body: makeForm(picture) })
    if (answer.status !== 202) return
    ids.push(((await answer.json()) as Prediction).id)
    // At once, while it has others in hand.
    if (ids.length === ACCEPTED_MIN) doomed.child.kill('SIGKILL')
  }
  await Promise.allSettled(Array.from({ length: REQUESTS }, post))
  assert.ok(ids.length >= ACCEPTED_MIN, doomed.log())
  t.diagnostic(`${ids.length} of ${REQUESTS} were told that they are accepted`)

  const first = await service.startWorker()
  await waitUntil('the worker has begun', async () => {
    const { status } = await service.read(ids.at(-1) ?? '')
    return status !== 'queued'
  })
  await first.kill('SIGKILL')
  const second = await service.startWorker()
  const ended = await service.waitForAll(ids)
  for (const { status, error } of ended) assert.equal(status, 'succeeded', `${error?.code}\n${second.log()}`)

  const store = place.open(PREFIX)
  // Some of those whose answer was lost were accepted all the same, and are run too.
  await waitUntil('a sweep leaves none', async () => {
    const report = await sweepNow({ ...service.env, REDIS_PREFIX: PREFIX })
    if (report.uploads > 0) t.diagnostic(`${report.uploads} pictures were swept`)
    return (await listUploads(store)).length === 0
  })
  assert.equal(await second.stop(), 0, second.log())
})
