import { AppError } from '@menagerie/contract/errors'
import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { describeValidation } from './describe-validation.ts'

/**
 * A picture is one value, however long. 13 MB of values of one byte would keep this process from everything else for
 * 20 seconds, most of them in the validator.
 */
const VALUES_MAX = 10_000

const SEPARATORS = new Set(Buffer.from(',:[{'))
const IS_SEPARATOR = Uint8Array.from({ length: 256 }, (_, byte) => Number(SEPARATORS.has(byte)))

/** Counted too many rather than too few: what stands inside a string counts as well, and base64 has none of it. */
const hasTooManyValues = (bytes: Uint8Array): boolean => {
  let count = 0
  for (let i = 0; i < bytes.length; i++) count += IS_SEPARATOR[bytes[i]!]!
  return count > VALUES_MAX
}

const decoder = new TextDecoder('utf-8', { fatal: true })

const parse = (bytes: Uint8Array): unknown => {
  if (hasTooManyValues(bytes)) {
    throw new AppError('request_invalid', `the body has more than ${VALUES_MAX} values`)
  }
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw new AppError('request_invalid', 'the body is not JSON in UTF-8', { cause })
  }
}

/**
 * A parser of JSON bodies that must fit a schema exactly: nothing is converted, as it is where all values are text.
 *
 * @throws AppError `request_invalid`, which says what does not fit
 */
export const createJsonParser = <T extends TSchema>(schema: T) => {
  const validator = Compile(schema)
  return (bytes: Uint8Array): Static<T> => {
    const value = parse(bytes)
    if (validator.Check(value)) return value
    throw new AppError('request_invalid', describeValidation('body', validator.Errors(value)))
  }
}
