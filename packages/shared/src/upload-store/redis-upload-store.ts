import type { Redis } from 'ioredis'
import type { Keys } from '../keys.ts'
import type { UploadStore } from './upload-store.ts'

const SCAN_COUNT = 1000

const escapePattern = (text: string): string => text.replaceAll(/[\\*?[\]]/g, String.raw`\$&`)

/** Uploads as Redis strings with an expiry: no further service, and visible to workers on every host. */
export const createRedisUploadStore = (deps: { redis: Redis; keys: Keys }): UploadStore => ({
  async put(id, bytes, ttlMs) {
    await deps.redis.set(deps.keys.upload(id), bytes, 'PX', ttlMs)
  },
  // get() would decode the bytes as UTF-8 and destroy them.
  get: (id) => deps.redis.getBuffer(deps.keys.upload(id)),
  async delete(id) {
    await deps.redis.unlink(deps.keys.upload(id))
  },
  async *list() {
    const prefix = deps.keys.upload('')
    const pages: AsyncIterable<string[]> = deps.redis.scanStream({
      match: `${escapePattern(prefix)}*`,
      count: SCAN_COUNT,
    })
    for await (const page of pages) for (const key of page) yield key.slice(prefix.length)
  },
})
