import { AppError } from '@menagerie/contract/errors'
import { ANONYMOUS_ID } from '@menagerie/contract/job'
import type { FastifyRequest } from 'fastify'
import type { BatchRead } from '../batches/batch-status.ts'
import type { AppDeps } from '../app.ts'
import { isPredictionId } from '../prediction-id.ts'

/** How many items an answer about a batch has where nobody says. */
export const BATCH_PAGE = 100

type RequestAboutOne = Pick<FastifyRequest<{ Params: { id: string } }>, 'params' | 'tenant'>

/**
 * Reads the batch that a request is about; to be done before anything else with it.
 *
 * @throws AppError `batch_not_found` also when it is another tenant's; `queue_unavailable`
 */
export const readOwnedBatch = async (
  { batches }: Pick<AppDeps, 'batches'>,
  { params, tenant }: RequestAboutOne,
): Promise<BatchRead> => {
  const read = isPredictionId(params.id) ? await batches.reader.read(params.id) : null
  if (read !== null && (read.batch.data.tenant ?? ANONYMOUS_ID) === tenant.id) return read
  throw createBatchNotFoundError()
}

export const createBatchNotFoundError = (): AppError =>
  new AppError('batch_not_found', 'there is no batch with this id, or it is too old')
