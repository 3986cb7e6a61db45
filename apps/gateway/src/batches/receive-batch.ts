import { BatchOptions } from '@menagerie/contract/batch'
import { AppError } from '@menagerie/contract/errors'
import type { FastifyRequest } from 'fastify'
import type { Readable } from 'node:stream'
import { describeValidation } from '../describe-validation.ts'
import type { FileSources } from './batch-source.ts'
import { createBatchTooLargeError, createByteBudget, type ByteBudget } from './byte-budget.ts'
import { parseItemOptions, type ItemOptions } from './item-options.ts'
import { listArchiveFiles, listFormFiles } from './list-files.ts'
import { receiveParts } from './receive-parts.ts'

export interface ReceivedBatch {
  options: BatchOptions
  items: ItemOptions
  /** To be read one after the other; nothing of them has been received yet. */
  files: FileSources
  budget: ByteBudget
}

// Part headers, text fields, and the directory of an archive.
const OVERHEAD_BYTES = 4 * 1024 * 1024

/** Form fields go before the query, and are checked and converted by the same schema. */
const parseOptions = (request: FastifyRequest, fields: Record<string, string>): BatchOptions => {
  const options: Record<string, unknown> = { ...(request.query as BatchOptions), ...fields }
  const validate = request.compileValidationSchema(BatchOptions, 'querystring')
  if (validate(options)) return options
  throw new AppError('request_invalid', describeValidation('form field', validate.errors ?? []))
}

const requireBody = (request: FastifyRequest): AsyncIterable<Buffer> => {
  const body = request.body as Readable | null | undefined
  if (body == null) {
    throw new AppError(
      'file_missing',
      'there is no body; send multipart/form-data with files, or application/zip',
    )
  }
  // Leaving the loop early must not destroy the socket, over which the answer goes.
  return body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
}

/**
 * Takes in a batch up to its first picture: a form with files, a form with one ZIP archive, or an archive as the body. A
 * declared length over the cap is refused before any byte of the body is read.
 *
 * @throws AppError
 */
export const receiveBatch = async (request: FastifyRequest, bytesMax: number): Promise<ReceivedBatch> => {
  const declaredBytes = Number(request.headers['content-length'] ?? 0)
  if (declaredBytes > bytesMax + OVERHEAD_BYTES) throw createBatchTooLargeError(bytesMax)
  const budget = createByteBudget(bytesMax)
  const limits = { budget, archiveBytesMax: bytesMax + OVERHEAD_BYTES }
  if (!request.isMultipart()) {
    const files = listArchiveFiles(requireBody(request), limits)
    return { options: parseOptions(request, {}), items: new Map(), files, budget }
  }
  const { fields, files } = await receiveParts(request)
  const { items, ...options } = fields
  return {
    options: parseOptions(request, options),
    items: parseItemOptions(items),
    files: listFormFiles(files, limits),
    budget,
  }
}
