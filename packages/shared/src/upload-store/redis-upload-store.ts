import type { RedisConnection } from '../redis.ts'
import type { Keys } from '../keys.ts'
import type { UploadStore } from './upload-store.ts'

/** Uploads as Redis strings with an expiry: no further service, and visible to workers on every host. */
export const createRedisUploadStore = (deps: { redis: RedisConnection; keys: Keys }): UploadStore => ({
  async put(id, bytes, ttlMs) {
    await deps.redis.set(deps.keys.upload(id), bytes, 'PX', ttlMs)
  },
  // get() would decode the bytes as UTF-8 and destroy them.
  get: (id) => deps.redis.getBuffer(deps.keys.upload(id)),
  async delete(id) {
    await deps.redis.unlink(deps.keys.upload(id))
  },
})
