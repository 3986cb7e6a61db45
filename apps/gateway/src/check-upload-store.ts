import { createUploadId } from '@menagerie/shared/upload-store/upload-id'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import type { Logger } from 'pino'

const TTL_MS = 60_000

/**
 * Says at the start whether pictures can be stored; as with Redis, a store may also come later. Of what a crash leaves of
 * this the sweep finds no owner.
 */
export const checkUploadStore = async (deps: { uploads: UploadStore; log: Logger }): Promise<void> => {
  const id = createUploadId({ model: 'check', predictionId: 'check' })
  try {
    await deps.uploads.put(id, Buffer.from('check'), TTL_MS)
    await deps.uploads.delete(id)
  } catch (err) {
    deps.log.warn({ err }, 'the store of the pictures cannot be used: predictions are refused until it can')
  }
}
