import { createUploadId } from './upload-id.ts'
import { storeError } from './store-error.ts'
import type { UploadStore } from './upload-store.ts'

const TTL_MS = 60_000

/**
 * Stores a trial picture, reads it and drops it; rejects as the store does. Nothing is asked for that is not there: a server
 * may answer that like a picture that nobody may read, and a file system remember it. Of what a crash leaves of this the
 * sweep finds no owner.
 */
export const tryUploadStore = async (uploads: UploadStore): Promise<void> => {
  const id = createUploadId({ model: 'check', predictionId: 'check' })
  await uploads.put(id, Buffer.from('check'), TTL_MS)
  if ((await uploads.get(id)) === null) throw storeError(new Error('what has just been stored is not there'))
  await uploads.delete(id)
}
