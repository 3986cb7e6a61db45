import { AppError } from '@menagerie/contract/errors'

/**
 * Reads an option that is a JSON object.
 *
 * @param name of the option, for the message
 * @param hint what is said of the object, with a comma before it
 * @throws AppError `request_invalid`
 */
export const parseJsonObject = (text: string, name: string, hint = ''): object => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new AppError('request_invalid', `${name} is not JSON`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('request_invalid', `${name} must be a JSON object${hint}`)
  }
  return value
}
