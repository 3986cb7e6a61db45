/**
 * Guarantee: a folder on a file system that hangs, or a sweep that takes long, keeps neither a gateway nor a worker from
 * ending, and costs no job.
 */
import { startGateway, waitUntil } from '@menagerie/harness/processes'
import { readTestPicture } from '@menagerie/harness/pictures'
import { startStrictS3 } from '@menagerie/harness/strict-s3'
import { createUploadId } from '@menagerie/shared/upload-store/upload-id'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startService } from '../service.ts'
import { listUploads, makeFsPlace } from './places.ts'

const PREFIX = 'menagerie'
const LISTS = 10

// Opening one waits until somebody opens its other end, in the kernel, as a network file system waits for its server.
const makeHanging = (path: string): void => assert.equal(spawnSync('mkfifo', [path]).status, 0)

test('a gateway whose folder hangs ends', { timeout: 120_000 }, async (t) => {
  const service = await startService(t)
  const place = await makeFsPlace()
  t.after(() => place.remove())
  const folder = join(place.env['UPLOAD_DIR'] ?? '', PREFIX)
  await mkdir(folder)
  makeHanging(join(folder, '.menagerie-uploads'))
  const gateway = await startGateway({ ...service.env, ...place.env })
  t.after(() => gateway.kill('SIGKILL'))
  await waitUntil('it is about to write there', async () => (await readdir(folder)).includes('ff'))
  assert.equal(await gateway.stop(), null, gateway.log())
  await waitUntil('its last words have come', () => /ending with SIGKILL/.test(gateway.log()))
})

test('a worker whose folder hangs hands its job back and ends', { timeout: 120_000 }, async (t) => {
  const place = await makeFsPlace()
  t.after(() => place.remove())
  const service = await startService(t, place.env)
  const picture = await readTestPicture()
  const { id } = await service.submit(picture)
  const store = place.open(PREFIX)
  const [uploadId = ''] = await listUploads(store)
  const path = join(place.env['UPLOAD_DIR'] ?? '', PREFIX, uploadId.slice(-2), uploadId)
  await rm(path)
  makeHanging(path)
  const worker = await service.startWorker({ DRAIN_TIMEOUT: '100ms' })
  await waitUntil('it has begun', async () => (await service.read(id)).status === 'processing')
  assert.equal(await worker.stop(), null, worker.log())
  await waitUntil('its last words have come', () => /does not answer, ending now/.test(worker.log()))

  await rm(path)
  await store.put(uploadId, picture, 60_000)
  const next = await service.startWorker()
  assert.equal((await service.read(id, 60)).status, 'succeeded', next.log())
})

test('a gateway does not wait for the end of a sweep', async (t) => {
  const s3 = await startStrictS3()
  t.after(() => s3.stop())
  s3.objects.set(`${PREFIX}/${createUploadId({ model: 'm', predictionId: randomUUID() })}`, Buffer.from('x'))
  s3.listWithoutEnd()
  const service = await startService(t, { ...s3.env, SWEEP_INTERVAL: '200ms' })
  await waitUntil('it sweeps', () => s3.countRequests('GET') > LISTS)
  assert.equal(await service.gateway.stop(), 0, service.gateway.log())
})
