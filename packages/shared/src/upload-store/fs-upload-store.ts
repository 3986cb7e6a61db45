import { mkdir, open, opendir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { coerceError } from '../coerce-error.ts'
import { storeError } from './store-error.ts'
import { isSafeUploadId, requireSafeUploadId } from './upload-id.ts'
import type { UploadStore } from './upload-store.ts'

const TIMEOUT_MS = 30_000
const HALF_WRITTEN = '.part'
// Pictures are nobody's business beside the user and the group of gateways and workers.
const FILE_MODE = 0o660
const FOLDER_MODE = 0o770
// Beside the pictures, so that a volume that is not mounted is not taken for one on which the picture is gone.
const MARKER = '.menagerie-uploads'

const hasCode = (error: unknown, code: string): boolean =>
  (coerceError(error) as NodeJS.ErrnoException).code === code

const unless = (code: string) => (error: unknown) => {
  if (!hasCode(error, code)) throw error
}

/** Of a folder: only then is the name of a file in it on the disk. */
const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, 'r')
  try {
    // Some shared file systems cannot, and keep names safe in their own way.
    await folder.sync().catch(unless('EINVAL'))
  } finally {
    await folder.close()
  }
}

const writeSynced = async (path: string, bytes: Buffer): Promise<void> => {
  const file = await open(path, 'w', FILE_MODE)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A network file system that hangs gives no answer at all; what comes of the call later is not waited for. */
const guard = async <T>(run: () => Promise<T>): Promise<T> => {
  const over = new AbortController()
  const timeUp = async (): Promise<never> => {
    await sleep(TIMEOUT_MS, undefined, { signal: over.signal })
    throw new Error(`the file system did not answer within ${TIMEOUT_MS / 1000} s`)
  }
  try {
    return await Promise.race([run(), timeUp()])
  } catch (error) {
    throw storeError(error)
  } finally {
    over.abort()
  }
}

/**
 * Uploads as files in `dir`, a folder that all gateways and workers share and that has to be there. A file gets its name
 * when all of it is on the disk, so nobody reads half a picture; a half-written one is listed as an upload too, for the
 * sweep. The last two characters of an id are random: they name the subfolder, so that none has a million files.
 */
export const createFsUploadStore = (options: { dir: string; folder: string }): UploadStore => {
  const root = join(options.dir, options.folder)
  const folderOf = (id: string): string => join(root, id.slice(-2))
  const pathOf = (id: string): string => join(folderOf(id), id)

  /** Not `dir` itself: where a volume is not mounted, that must not go unnoticed. */
  const makeFolder = async (id: string): Promise<void> => {
    await mkdir(root, FOLDER_MODE).catch(unless('EEXIST'))
    await writeSynced(join(root, MARKER), Buffer.from('Pictures that wait to be classified.\n'))
    await mkdir(folderOf(id), FOLDER_MODE).catch(unless('EEXIST'))
    await syncFolder(options.dir)
    await syncFolder(root)
  }

  const write = async (id: string, bytes: Buffer): Promise<void> => {
    const halfWritten = pathOf(id) + HALF_WRITTEN
    try {
      await writeSynced(halfWritten, bytes)
      await rename(halfWritten, pathOf(id))
      await syncFolder(folderOf(id))
    } catch (error) {
      // A full disk needs the room now; if this fails, the sweep does it.
      await rm(halfWritten, { force: true }).catch(() => undefined)
      throw error
    }
  }

  /** What a file that is not there means: null where the folder is the right one. */
  const explain = async (thrown: unknown): Promise<null> => {
    if (!hasCode(thrown, 'ENOENT')) throw thrown
    await stat(join(root, MARKER)).catch((cause: unknown) => {
      const message = `${root} is not a folder that a gateway has written to: is the volume mounted?`
      throw new Error(message, { cause })
    })
    return null
  }

  const listFolder = async function* (path: string) {
    for await (const entry of await opendir(path)) yield entry
  }

  return {
    async put(id, bytes) {
      requireSafeUploadId(id)
      await guard(async () => {
        try {
          await write(id, bytes)
        } catch (error) {
          if (!hasCode(error, 'ENOENT')) throw error
          await makeFolder(id)
          await write(id, bytes)
        }
      })
    },
    get: async (id) => (isSafeUploadId(id) ? guard(() => readFile(pathOf(id)).catch(explain)) : null),
    async delete(id) {
      if (!isSafeUploadId(id)) return
      await guard(async () => {
        await unlink(pathOf(id)).catch(explain)
        await unlink(pathOf(id) + HALF_WRITTEN).catch(unless('ENOENT'))
      })
    },
    async *list() {
      try {
        for await (const folder of listFolder(root)) {
          if (!folder.isDirectory()) continue
          for await (const { name } of listFolder(join(root, folder.name))) {
            const id = name.endsWith(HALF_WRITTEN) ? name.slice(0, -HALF_WRITTEN.length) : name
            if (isSafeUploadId(id)) yield id
          }
        }
      } catch (error) {
        // Nothing was put yet, if the rest is there.
        if (!hasCode(error, 'ENOENT')) throw storeError(error)
        await guard(() => stat(options.dir))
      }
    },
  }
}
