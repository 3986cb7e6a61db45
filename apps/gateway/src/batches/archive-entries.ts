import { BATCH_ITEMS_MAX } from '@menagerie/contract/batch'
import { AppError } from '@menagerie/contract/errors'
import { fromFdPromise, getFileNameLowLevel, type Entry, type ZipFile } from 'yauzl'

/** An entry that may be a picture. */
export interface ArchiveEntry {
  name: string
  entry: Entry
}

export interface Archive {
  zip: ZipFile
  entries: ArchiveEntry[]
}

// Of each entry up to 192 KiB of name, extra field and comment are held in memory until the batch is through.
const DIRECTORY_BYTES_MAX = 4 * 1024 * 1024

// Folders, and what systems add by themselves, do not count as items.
const ENTRIES_MAX = 4 * BATCH_ITEMS_MAX

const createInvalidError = (detail: string, options?: ErrorOptions): AppError =>
  new AppError('archive_invalid', detail, options)

/** Folders, hidden files, and what macOS adds to an archive. */
const isSkipped = (name: string): boolean => {
  const parts = name.split(/[/\\]/)
  const file = parts.at(-1) ?? ''
  return file === '' || file.startsWith('.') || parts.includes('__MACOSX')
}

/** Names are labels: those that would be dangerous as paths are as good as others. */
const readName = (entry: Entry): string =>
  getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true)

/** Where in the file an entry begins and ends, its own header included. */
const readRange = async (zip: ZipFile, entry: Entry): Promise<[start: number, end: number]> => {
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true })
  return [entry.relativeOffsetOfLocalHeader, fileDataStart + entry.compressedSize]
}

/**
 * Entries that share bytes make a small file inflate to petabytes (D. Fifield, "A better zip bomb", 2019). No tool
 * writes such an archive.
 */
const refuseOverlaps = async (
  zip: ZipFile,
  entries: ArchiveEntry[],
  directoryStart: number,
): Promise<void> => {
  const ranges: Array<[number, number]> = []
  for (const { entry } of entries) ranges.push(await readRange(zip, entry))
  ranges.sort(([a], [b]) => a - b)
  let free = 0
  for (const [start, end] of ranges) {
    if (start < free) throw createInvalidError('entries of the archive overlap')
    free = end
  }
  if (free > directoryStart) throw createInvalidError('an entry of the archive overlaps its directory')
}

const readEntries = async (zip: ZipFile): Promise<Archive> => {
  const directoryStart = Number(zip.readEntryCursor)
  if (zip.entryCount > ENTRIES_MAX) {
    throw createInvalidError(
      `the archive has more than ${ENTRIES_MAX} entries, folders and hidden files included`,
    )
  }
  if (zip.fileSize - directoryStart > DIRECTORY_BYTES_MAX) {
    throw createInvalidError(`the directory of the archive has more than ${DIRECTORY_BYTES_MAX} bytes`)
  }
  const entries: ArchiveEntry[] = []
  for await (const entry of zip.eachEntry()) {
    const name = readName(entry)
    if (isSkipped(name)) continue
    if (entries.length === BATCH_ITEMS_MAX) {
      throw new AppError('batch_invalid', `a batch may have at most ${BATCH_ITEMS_MAX} pictures`)
    }
    entries.push({ name, entry })
  }
  await refuseOverlaps(zip, entries, directoryStart)
  return { zip, entries }
}

/**
 * Lists what may be a picture in a ZIP archive, before anything of it is inflated.
 *
 * @param fd of the archive; stays open
 * @throws AppError `archive_invalid`, `batch_invalid`
 */
export const openArchive = async (fd: number): Promise<Archive> => {
  try {
    // Sizes are checked where an entry is inflated, so that one that lies spoils only itself.
    const zip = await fromFdPromise(fd, { autoClose: false, decodeStrings: false, validateEntrySizes: false })
    return await readEntries(zip)
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw createInvalidError('the ZIP archive is damaged, split, or of an unknown kind', { cause })
  }
}
