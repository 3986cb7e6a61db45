// Without a worker a prediction waits and is not lost; a call that waits for it is told where the answer will be.
import { makeForm } from '@menagerie/harness/form'
import { readTestPicture } from '@menagerie/harness/pictures'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startService } from './service.ts'

test('predictions wait for a worker', async (t) => {
  const service = await startService(t, { SYNC_TIMEOUT: '300ms' })
  const picture = await readTestPicture()

  const answer = await fetch(`${service.gateway.url}/`, { method: 'POST', body: makeForm(picture) })
  assert.equal(answer.status, 504)
  const problem = (await answer.json()) as { code: string; prediction_url: string }
  assert.equal(problem.code, 'prediction_timeout')
  assert.equal(new URL(problem.prediction_url).pathname, answer.headers.get('location'))

  const second = await service.submit(picture)
  assert.deepEqual(second.queue, { position: 1, estimated_wait_ms: null })

  await service.startWorker()
  const first = await (await fetch(`${problem.prediction_url}?wait=30`)).json()
  assert.equal((first as { status: string }).status, 'succeeded')
  assert.equal((await service.waitForAll([second.id]))[0]?.status, 'succeeded')
})
