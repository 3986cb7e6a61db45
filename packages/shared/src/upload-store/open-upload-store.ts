import { createKeys } from '../keys.ts'
import type { RedisConnection } from '../redis.ts'
import { createFsUploadStore } from './fs-upload-store.ts'
import { createRedisUploadStore } from './redis-upload-store.ts'
import { createS3Client } from './s3-client.ts'
import { createS3UploadStore } from './s3-upload-store.ts'
import { storeFolder } from './store-folder.ts'
import type { UploadStoreConfig } from './upload-settings.ts'
import type { UploadStore } from './upload-store.ts'

/** The store that the settings name. Nothing is asked of it yet; `redis` is used only where it is the store. */
export const openUploadStore = (
  deps: { redis: RedisConnection },
  options: {
    uploads: UploadStoreConfig
    redisPrefix: string
    /** False for who must not take an empty folder for the right one. */
    makesFolders?: boolean
  },
): UploadStore => {
  const { uploads, redisPrefix, makesFolders = true } = options
  if (uploads.kind === 'redis') {
    return createRedisUploadStore({ redis: deps.redis, keys: createKeys(redisPrefix) })
  }
  const folder = storeFolder(redisPrefix)
  if (uploads.kind === 'fs') return createFsUploadStore({ dir: uploads.dir, folder, makesFolders })
  const send = createS3Client(uploads)
  return createS3UploadStore({ send }, { prefix: `${uploads.prefix}${folder}/` })
}
