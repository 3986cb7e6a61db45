import { findFreePort } from '@menagerie/harness/processes'
import { startTestRedis, type TestRedis } from '@menagerie/harness/redis'
import { createSwiftServer, skipWithoutSwift, SWIFT_ACCESS_KEY, SWIFT_SECRET } from '@menagerie/harness/swift'
import { closeRedis, createProducerRedis } from '@menagerie/shared/redis'
import { openUploadStore } from '@menagerie/shared/upload-store/open-upload-store'
import { createS3Client, type S3Options } from '@menagerie/shared/upload-store/s3-client'
import type { UploadStoreConfig } from '@menagerie/shared/upload-store/upload-settings'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import { once } from 'node:events'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '@menagerie/shared/logger'

/** A real place for uploads, which can be taken away and comes back with what was in it. */
export interface Place {
  /** Settings of a gateway or worker that keeps uploads there; but for Redis, whose URL is the caller's. */
  env: Record<string, string>
  open(redisPrefix: string): UploadStore
  takeAway(): Promise<void>
  bringBack(): Promise<void>
  remove(): Promise<void>
}

/** The ids of all that is stored, each once. */
export const listUploads = async (store: UploadStore): Promise<string[]> => {
  const ids = new Set<string>()
  for await (const id of store.list()) ids.add(id)
  return [...ids].toSorted()
}

const log = createLogger({ service: 'test', level: 'silent' })

export const makeRedisPlace = async (): Promise<Place> => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-stores-'))
  const port = await findFreePort()
  const start = (): Promise<TestRedis> => startTestRedis({ durable: true, dir, port })
  let server = await start()
  const redis = createProducerRedis({ url: `redis://127.0.0.1:${port}`, name: 'test', log })
  await once(redis, 'ready')
  return {
    env: {},
    open: (redisPrefix) => openUploadStore({ redis }, { uploads: { kind: 'redis' }, redisPrefix }),
    async takeAway() {
      const gone = once(redis, 'close')
      server.kill('SIGKILL')
      await Promise.all([server.exited, gone])
    },
    async bringBack() {
      const ready = once(redis, 'ready')
      server = await start()
      await ready
    },
    async remove() {
      await closeRedis(redis)
      await server.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Neither of the others asks anything of Redis. */
const openWithoutRedis = async (uploads: UploadStoreConfig) => {
  const redis = createProducerRedis({ url: 'redis://127.0.0.1:9', name: 'unused', log })
  await closeRedis(redis)
  return (redisPrefix: string): UploadStore => openUploadStore({ redis }, { uploads, redisPrefix })
}

export const makeFsPlace = async (): Promise<Place> => {
  const parent = await mkdtemp(join(tmpdir(), 'menagerie-stores-'))
  const [dir, elsewhere] = [join(parent, 'uploads'), join(parent, 'elsewhere')]
  await mkdir(dir)
  return {
    env: { UPLOAD_STORE: 'fs', UPLOAD_DIR: dir },
    open: await openWithoutRedis({ kind: 'fs', dir }),
    takeAway: () => rename(dir, elsewhere),
    bringBack: () => rename(elsewhere, dir),
    remove: () => rm(parent, { recursive: true, force: true }),
  }
}

export const BUCKET = 'pictures'

/** With a bucket; needs Swift. */
export const makeS3Place = async (): Promise<Place & { options: S3Options }> => {
  const server = await createSwiftServer()
  await server.start()
  const options = {
    endpoint: server.endpoint,
    bucket: BUCKET,
    region: 'us-east-1',
    accessKeyId: SWIFT_ACCESS_KEY,
    secretAccessKey: SWIFT_SECRET,
  }
  const { status } = await createS3Client(options)({ method: 'PUT' })
  if (status !== 200) throw new Error(`the bucket was not made: ${status}`)
  return {
    env: {
      UPLOAD_STORE: 's3',
      S3_ENDPOINT: options.endpoint,
      S3_BUCKET: options.bucket,
      S3_PREFIX: 'tests/',
      S3_ACCESS_KEY_ID: options.accessKeyId,
      S3_SECRET_ACCESS_KEY: options.secretAccessKey,
    },
    options,
    open: await openWithoutRedis({ kind: 's3', prefix: 'tests/', ...options }),
    takeAway: () => server.kill(),
    bringBack: () => server.start(),
    remove: () => server.remove(),
  }
}

/** Every kind there is, and why it cannot be tested here, or false. */
export const UPLOAD_PLACES = [
  { name: 'redis', make: makeRedisPlace, skip: false },
  { name: 'fs', make: makeFsPlace, skip: false },
  { name: 's3', make: makeS3Place, skip: skipWithoutSwift },
] as const
