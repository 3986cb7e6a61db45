import { AppError } from '@menagerie/contract/errors'
import { coerceError } from '@menagerie/shared/coerce-error'

/**
 * Runs Redis commands for a client that is waiting. Whatever goes wrong there is ours to retry later, so it
 * becomes `queue_full` when Redis is out of memory, else `queue_unavailable`: both 503. A store of uploads that is not
 * Redis says by itself that it is unavailable.
 */
export const guardRedis = async <T>(run: () => Promise<T>): Promise<T> => {
  try {
    return await run()
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown
    const cause = coerceError(thrown)
    // A full Redis answers OOM; inside a transaction, EXECABORT with the OOM behind it.
    const { previousErrors = [] } = cause as { previousErrors?: Error[] }
    if ([cause, ...previousErrors].some(({ message }) => /\bOOM\b|maxmemory/.test(message))) {
      throw new AppError('queue_full', 'the queue has no room left; try again later', { cause })
    }
    throw new AppError('queue_unavailable', 'the queue cannot be reached; try again shortly', { cause })
  }
}
