import { AppError } from '@menagerie/contract/errors'
import { coerceError } from '@menagerie/shared/coerce-error'
import type { MultipartFile, MultipartValue } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { receiveUpload, type ReceivedUpload } from './receive-upload.ts'

export interface ReceivedForm {
  upload: ReceivedUpload
  /** Text fields, in any order around the file. */
  fields: Record<string, string>
}

const FILENAME_LENGTH_MAX = 255

const readField = (part: MultipartValue): string => {
  if (part.valueTruncated) throw new AppError('request_invalid', `the field ${part.fieldname} is too long`)
  // A part that says it is JSON comes parsed.
  return typeof part.value === 'string' ? part.value : JSON.stringify(part.value)
}

const receiveFile = (part: MultipartFile, bytesMax: number): Promise<ReceivedUpload> =>
  receiveUpload(part.file, { bytesMax, filename: part.filename?.slice(0, FILENAME_LENGTH_MAX) || null })

const refuseMissingFile = (fields: Record<string, string>): never => {
  const names = Object.keys(fields)
  const hint =
    names.length === 0
      ? 'the form is empty'
      : `the form has only text fields (${names.slice(0, 5).join(', ')})`
  throw new AppError('file_missing', `${hint}; send the picture as a file, with curl: -F file=@photo.jpg`)
}

const collectParts = async (request: FastifyRequest, bytesMax: number): Promise<ReceivedForm> => {
  const fields: Record<string, string> = {}
  let upload: ReceivedUpload | null = null
  for await (const part of request.parts()) {
    if (part.type === 'field') {
      fields[part.fieldname] = readField(part)
    } else if (upload === null) {
      upload = await receiveFile(part, bytesMax)
    } else {
      throw new AppError('files_too_many', 'the form has more than one file; send one per request')
    }
  }
  return upload === null ? refuseMissingFile(fields) : { upload, fields }
}

// What @fastify/multipart throws for a second file, too many fields, and names such as __proto__.
const REQUEST_LIMITS = new Set(['FST_PARTS_LIMIT', 'FST_FIELDS_LIMIT', 'FST_PROTO_VIOLATION'])

/**
 * Takes in a multipart form with exactly one file, under any field name, and text fields.
 *
 * @throws AppError
 */
export const receiveForm = async (request: FastifyRequest, bytesMax: number): Promise<ReceivedForm> => {
  try {
    return await collectParts(request, bytesMax)
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown
    const cause = coerceError(thrown)
    const code = 'code' in cause ? String(cause.code) : ''
    if (code === 'FST_FILES_LIMIT') {
      throw new AppError('files_too_many', 'the form has more than one file; send one per request', { cause })
    }
    if (REQUEST_LIMITS.has(code)) throw new AppError('request_invalid', cause.message, { cause })
    throw new AppError('multipart_invalid', 'the form is damaged, ends early or names no boundary', { cause })
  }
}
