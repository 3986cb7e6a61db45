import { AppError } from '@menagerie/contract/errors'
import { randomUUID } from 'node:crypto'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE'])

/** What the file system refuses is for the client to try again, unlike what is wrong with its body. */
const explain = (thrown: unknown): unknown => {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  if (!NO_ROOM.has(code)) return thrown
  const detail = 'this gateway has no room for the archive; try again later'
  return new AppError('queue_full', detail, { cause: thrown })
}

const withFile = async <T>(work: Promise<T>): Promise<T> => {
  try {
    return await work
  } catch (thrown) {
    throw explain(thrown)
  }
}

/**
 * Writes an archive to a temporary file, since its directory is at its end and memory is for pictures. The file has no
 * name any more when this resolves, so whoever dies with it leaves nothing. The caller closes it.
 *
 * @throws AppError `queue_full` when there is no room for it
 */
export const spoolArchive = async (chunks: AsyncIterable<Buffer>): Promise<FileHandle> => {
  const path = join(tmpdir(), `menagerie-batch-${randomUUID()}.zip`)
  const file = await withFile(open(path, 'wx+', 0o600))
  try {
    await withFile(unlink(path))
    for await (const chunk of chunks) await withFile(file.writeFile(chunk))
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}
