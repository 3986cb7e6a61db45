import { isZip } from '@menagerie/contract/image-type'
import { AppError } from '@menagerie/contract/errors'
import { openArchive } from './archive-entries.ts'
import type { FileSource, FileSources } from './batch-source.ts'
import { countBytes, createByteBudget, type ByteBudget } from './byte-budget.ts'
import { inflateEntry } from './inflate-entry.ts'
import { spoolArchive } from './spool-archive.ts'

export interface ByteLimits {
  /** Of all pictures together, inflated. */
  budget: ByteBudget
  /** Of an archive as it is sent. */
  archiveBytesMax: number
}

const MAGIC_BYTES = 4

/** The pictures in an archive. */
export async function* listArchiveFiles(chunks: AsyncIterable<Buffer>, limits: ByteLimits): FileSources {
  const file = await spoolArchive(countBytes(chunks, createByteBudget(limits.archiveBytesMax)))
  try {
    const { zip, entries } = await openArchive(file.fd)
    for (const { name, entry } of entries) {
      yield { name, chunks: countBytes(inflateEntry(zip, entry), limits.budget) }
    }
  } finally {
    await file.close()
  }
}

/** Looks at the first bytes of a file, and gives them back with the rest. */
const peek = async (chunks: AsyncIterable<Buffer>): Promise<{ head: Buffer; all: AsyncIterable<Buffer> }> => {
  const iterator = chunks[Symbol.asyncIterator]()
  const read: Buffer[] = []
  let head = Buffer.alloc(0)
  while (head.length < MAGIC_BYTES) {
    const next = await iterator.next()
    if (next.done === true) break
    read.push(next.value)
    head = Buffer.concat([head, next.value])
  }
  async function* readAll(): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* read
      yield* { [Symbol.asyncIterator]: () => iterator }
    } finally {
      await iterator.return?.()
    }
  }
  return { head, all: readAll() }
}

/**
 * The pictures of a form: its files, or what is in its one file when that is a ZIP archive.
 *
 * @throws AppError
 */
export async function* listFormFiles(parts: FileSources, limits: ByteLimits): FileSources {
  let isFirst = true
  for await (const { name, chunks } of parts) {
    const { head, all } = await peek(chunks)
    if (isFirst && isZip(head)) {
      yield* listArchiveFiles(all, limits)
      await refuseMore(parts)
      return
    }
    isFirst = false
    yield { name, chunks: countBytes(all, limits.budget) }
  }
}

const refuseMore = async (parts: AsyncIterator<FileSource>): Promise<void> => {
  const next = await parts.next()
  if (next.done === true) return
  throw new AppError('batch_invalid', 'an archive must be the only file of its form')
}
