import { tryUploadStore } from '@menagerie/shared/upload-store/try-upload-store'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import type { Logger } from 'pino'

/** Says at the start whether pictures can be stored; as with Redis, a store may also come later. */
export const checkUploadStore = async (deps: { uploads: UploadStore; log: Logger }): Promise<void> => {
  try {
    await tryUploadStore(deps.uploads)
  } catch (err) {
    deps.log.warn({ err }, 'the store of the pictures cannot be used: predictions are refused until it can')
  }
}
