import { BATCH_ITEMS_MAX } from '@menagerie/contract/batch'
import { AppError } from '@menagerie/contract/errors'
import { coerceError } from '@menagerie/shared/coerce-error'
import type { MultipartFile, MultipartValue } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import type { FileSources } from './batch-source.ts'

const FIELDS_MAX = 16
/** `items` has a line for each file. */
const FIELD_BYTES_MAX = 1024 * 1024

const LIMITS = {
  // One more than is allowed, to be noticed here.
  files: BATCH_ITEMS_MAX + 1,
  fields: FIELDS_MAX,
  parts: BATCH_ITEMS_MAX + 1 + FIELDS_MAX,
  fieldSize: FIELD_BYTES_MAX,
}

const readField = (part: MultipartValue): string => {
  if (part.valueTruncated) throw new AppError('request_invalid', `the field ${part.fieldname} is too long`)
  // A part that says it is JSON comes parsed.
  return typeof part.value === 'string' ? part.value : JSON.stringify(part.value)
}

/** A file's bytes. Whoever stops in the middle does not end the form: the rest is read and dropped. */
async function* readFile(part: MultipartFile): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* part.file.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
  } finally {
    part.file.resume()
  }
}

const REQUEST_LIMITS: Record<string, string> = {
  FST_FILES_LIMIT: `a batch may have at most ${BATCH_ITEMS_MAX} pictures`,
  FST_PARTS_LIMIT: 'the form has too many parts',
  FST_FIELDS_LIMIT: 'the form has too many fields',
  FST_PROTO_VIOLATION: 'a field has a name that no field may have',
}

const explain = (thrown: unknown): AppError => {
  if (thrown instanceof AppError) return thrown
  const cause = coerceError(thrown)
  const code = 'code' in cause ? String(cause.code) : ''
  const detail = REQUEST_LIMITS[code]
  if (detail === undefined) {
    const damaged = 'the form is damaged, ends early or names no boundary'
    return new AppError('multipart_invalid', damaged, { cause })
  }
  return new AppError(code === 'FST_FILES_LIMIT' ? 'batch_invalid' : 'request_invalid', detail, { cause })
}

export interface ReceivedParts {
  fields: Record<string, string>
  /** The files, which follow the fields. */
  files: FileSources
}

/**
 * Takes in a form up to its first file; the files are to be read then, one after the other. Fields come first, since
 * what they say is needed to store the first picture.
 *
 * @throws AppError
 */
export const receiveParts = async (request: FastifyRequest): Promise<ReceivedParts> => {
  const fields: Record<string, string> = {}
  const parts = request.parts({ limits: LIMITS })
  const next = async () => {
    try {
      return await parts.next()
    } catch (thrown) {
      throw explain(thrown)
    }
  }
  let part = await next()
  for (; part.done !== true && part.value.type === 'field'; part = await next()) {
    fields[part.value.fieldname] = readField(part.value)
  }
  async function* listFiles(): FileSources {
    for (; part.done !== true; part = await next()) {
      const { value } = part
      if (value.type === 'field') {
        throw new AppError('request_invalid', `the field ${value.fieldname} must come before the first file`)
      }
      const name = value.filename || value.fieldname
      yield { name, chunks: readPart(value) }
    }
  }
  async function* readPart(value: MultipartFile): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* readFile(value)
    } catch (thrown) {
      throw explain(thrown)
    }
  }
  return { fields, files: listFiles() }
}
