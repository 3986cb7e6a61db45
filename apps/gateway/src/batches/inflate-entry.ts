import { AppError } from '@menagerie/contract/errors'
import { pipeline, type Readable } from 'node:stream'
import { crc32, createInflateRaw } from 'node:zlib'
import type { Entry, ZipFile } from 'yauzl'

const STORED = 0
const DEFLATED = 8

/** Pictures are compressed already; what shrinks more than this is made to be a bomb (deflate can reach 1032). */
const RATIO_MAX = 100
// A tiny picture may be mostly zeros.
const RATIO_FREE_BYTES = 64 * 1024

const createEntryError = (detail: string, options?: ErrorOptions): AppError =>
  new AppError('archive_entry_invalid', detail, options)

const openRaw = async (zip: ZipFile, entry: Entry): Promise<Readable> => {
  if (entry.isEncrypted()) throw createEntryError('the entry is encrypted')
  if (!entry.canDecodeFileData()) {
    throw createEntryError(
      `the entry is compressed by method ${entry.compressionMethod}; only deflate is read`,
    )
  }
  return zip.openReadStreamPromise(entry, { decodeFileData: false })
}

const decode = (raw: Readable, method: typeof STORED | typeof DEFLATED): Readable =>
  // Errors come out of the stream that is read.
  method === STORED ? raw : pipeline(raw, createInflateRaw(), () => undefined)

/**
 * The bytes of an entry, as they are inflated. What its headers say of sizes is not believed but checked: against what
 * is really there, at the end, and against the compressed size while it goes on.
 *
 * @throws AppError `archive_entry_invalid`
 */
export async function* inflateEntry(zip: ZipFile, entry: Entry): AsyncGenerator<Buffer, void, undefined> {
  const bytesMax = RATIO_FREE_BYTES + RATIO_MAX * entry.compressedSize
  let bytes = 0
  let checksum = 0
  try {
    const chunks = decode(await openRaw(zip, entry), entry.compressionMethod === STORED ? STORED : DEFLATED)
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > bytesMax) throw createEntryError(`the entry inflates to over ${RATIO_MAX} times its size`)
      checksum = crc32(chunk, checksum)
      yield chunk
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw createEntryError('the entry is damaged', { cause })
  }
  if (bytes !== entry.uncompressedSize || checksum !== entry.crc32) {
    throw createEntryError('the entry is damaged: size or checksum is another than the archive says')
  }
}
