import { mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { coerceError } from '../coerce-error.ts'
import { fileCalls } from './file-calls.ts'
import { isSafeUploadId, requireSafeUploadId } from './upload-id.ts'
import type { UploadStore } from './upload-store.ts'

const TIMEOUT_MS = 10_000
// What a picture may take on top of that: 1 MB a second.
const BYTES_PER_MS_MIN = 1000
const HALF_WRITTEN = '.part'
// Pictures are nobody's business beside the user and the group of gateways and workers.
const FILE_MODE = 0o660
const FOLDER_MODE = 0o770
// Beside the pictures, so that a volume that is not mounted is not taken for one on which the picture is gone.
const MARKER = '.menagerie-uploads'
const SUBFOLDERS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

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

/**
 * Uploads as files in `dir`, a folder that all gateways and workers share and that has to be there. A file gets its name
 * when all of it is on the disk, so nobody reads half a picture; a half-written one is listed as an upload too, for the
 * sweep. The last two characters of an id are random: they name the subfolder, so that none has a million files.
 */
export const createFsUploadStore = (
  options: {
    dir: string
    folder: string
    /** Whether `put` makes what is missing below `dir`. Workers do not: the volume with the pictures may not be mounted. */
    makesFolders?: boolean
  },
  timeoutMs = TIMEOUT_MS,
): UploadStore => {
  const { makesFolders = true } = options
  const root = join(options.dir, options.folder)
  const folderOf = (id: string): string => join(root, id.slice(-2))
  const pathOf = (id: string): string => join(folderOf(id), id)

  const guard = <T>(run: () => Promise<T>, byteCount = 0): Promise<T> =>
    fileCalls.guard(run, timeoutMs + Math.ceil(byteCount / BYTES_PER_MS_MIN))

  /**
   * Not `dir` itself: where a volume is not mounted, that must not go unnoticed. All subfolders are there before the marker
   * is: a network file system may remember for a while that one was not, and by the marker a picture in it would be gone.
   */
  const makeFolders = async (): Promise<void> => {
    await mkdir(root, FOLDER_MODE).catch(unless('EEXIST'))
    for (const name of SUBFOLDERS) await mkdir(join(root, name), FOLDER_MODE).catch(unless('EEXIST'))
    await writeSynced(join(root, MARKER), Buffer.from('Pictures that wait to be classified.\n'))
    await syncFolder(options.dir)
    await syncFolder(root)
  }

  let isPrepared = !makesFolders
  /** Also what a gateway that was killed here has left half done. */
  const prepare = async (): Promise<void> => {
    if (isPrepared) return
    await stat(join(root, MARKER)).catch((error: unknown) => {
      if (!hasCode(error, 'ENOENT')) throw error
      return makeFolders()
    })
    isPrepared = true
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

  return {
    async put(id, bytes) {
      requireSafeUploadId(id)
      await guard(async () => {
        await prepare()
        try {
          await write(id, bytes)
        } catch (error) {
          if (!hasCode(error, 'ENOENT')) throw error
          if (!makesFolders) {
            await explain(error)
            throw error
          }
          await makeFolders()
          await write(id, bytes)
        }
      }, bytes.length)
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
        const folders = await guard(() => readdir(root, { withFileTypes: true }))
        for (const folder of folders.filter((entry) => entry.isDirectory())) {
          for (const name of await guard(() => readdir(join(root, folder.name)))) {
            const id = name.endsWith(HALF_WRITTEN) ? name.slice(0, -HALF_WRITTEN.length) : name
            if (isSafeUploadId(id)) yield id
          }
        }
      } catch (error) {
        // Nothing was put yet, if the rest is there.
        if (!hasCode(coerceError(error).cause, 'ENOENT')) throw error
        await guard(() => stat(options.dir))
      }
    },
  }
}
