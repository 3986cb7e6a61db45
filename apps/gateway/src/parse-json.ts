import { AppError } from '@menagerie/contract/errors'
import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { describeValidation } from './describe-validation.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

const parse = (bytes: Uint8Array): unknown => {
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
