import { randomUUID } from 'node:crypto'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Writes an archive to a temporary file, since its directory is at its end and memory is for pictures. The file has no
 * name any more when this resolves, so whoever dies with it leaves nothing. The caller closes it.
 */
export const spoolArchive = async (chunks: AsyncIterable<Buffer>): Promise<FileHandle> => {
  const path = join(tmpdir(), `menagerie-batch-${randomUUID()}.zip`)
  const file = await open(path, 'wx+', 0o600)
  try {
    await unlink(path)
    for await (const chunk of chunks) await file.writeFile(chunk)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}
