import { AppError } from '@menagerie/contract/errors'
import { coerceError } from '../coerce-error.ts'

// No room on the device, or for this user.
const FULL_CODES: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT'])

const isFullCause = (cause: Error): boolean => FULL_CODES.has((cause as NodeJS.ErrnoException).code)

/** Whether a store was only too full to take a picture: those that it has can be read. */
export const isStoreFull = (error: Error): boolean => isFullCause(coerceError(error.cause))

/** What a store that cannot be used throws: worth to be tried again, for clients and for workers. */
export const storeError = (thrown: unknown): AppError => {
  if (thrown instanceof AppError) return thrown
  const cause = coerceError(thrown)
  const message = isFullCause(cause)
    ? 'the store of the pictures is full; try again later'
    : 'the store of the pictures cannot be used; try again shortly'
  return new AppError('upload_store_unavailable', message, { cause })
}
