// kill -9 of Redis loses nothing that was accepted: gateway and worker wait, come back by themselves and go on.
import { readTestPicture } from '@menagerie/harness/pictures'
import { isReady, waitUntil } from '@menagerie/harness/processes'
import { startTestRedis } from '@menagerie/harness/redis'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startService } from './service.ts'

const JOBS = 40

test('kill -9 of Redis with predictions waiting', async (t) => {
  const service = await startService(t)
  const worker = await service.startWorker({ INFERENCE_THREADS: '1' })
  const picture = await readTestPicture()
  const ids = (await Promise.all(Array.from({ length: JOBS }, () => service.submit(picture)))).map(
    ({ id }) => id,
  )

  service.redis.kill('SIGKILL')
  await waitUntil('the gateway is not ready', async () => !(await isReady(service.gateway.url)))
  const refused = await fetch(`${service.gateway.url}/v1/predictions`, {
    method: 'POST',
    headers: { 'content-type': 'image/jpeg' },
    body: new Uint8Array(picture),
  })
  assert.equal(refused.status, 503)
  assert.ok(refused.headers.has('retry-after'))

  const { dir, port } = service.redis
  const again = await startTestRedis({ durable: true, dir, port })
  t.after(() => again.stop())
  await waitUntil('the gateway is ready again', () => isReady(service.gateway.url))
  const ended = await service.waitForAll(ids)
  assert.ok(ended.every(({ status }) => status === 'succeeded'))
  assert.equal(await worker.stop(), 0, worker.log())
})

test('both processes stop cleanly while Redis is away', async (t) => {
  const service = await startService(t)
  const worker = await service.startWorker({ INFERENCE_THREADS: '1' })
  service.redis.kill('SIGKILL')
  await waitUntil('the gateway is not ready', async () => !(await isReady(service.gateway.url)))
  assert.equal(await service.gateway.stop(), 0, service.gateway.log())
  assert.equal(await worker.stop(), 0, worker.log())
})
