import { AppError } from '@menagerie/contract/errors'
import type { BatchRead } from '../batches/batch-status.ts'
import type { AppDeps } from '../app.ts'
import { isPredictionId } from '../prediction-id.ts'

/** How many items an answer about a batch has where nobody says. */
export const BATCH_PAGE = 100

/**
 * The batch with this id.
 *
 * @throws AppError `batch_not_found`, `queue_unavailable`
 */
export const requireBatch = async ({ batches }: Pick<AppDeps, 'batches'>, id: string): Promise<BatchRead> => {
  const read = isPredictionId(id) ? await batches.reader.read(id) : null
  if (read === null) throw createBatchNotFoundError()
  return read
}

export const createBatchNotFoundError = (): AppError =>
  new AppError('batch_not_found', 'there is no batch with this id, or it is too old')
