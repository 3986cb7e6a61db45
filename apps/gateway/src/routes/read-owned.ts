import type { FastifyRequest } from 'fastify'
import { isPredictionId } from '../prediction-id.ts'
import type { PredictionRead, RecordReader } from '../record-reader.ts'
import { requireOwned } from '../tenants/require-owned.ts'

export type RequestAboutOne = Pick<FastifyRequest<{ Params: { id: string } }>, 'params' | 'tenant'>

/**
 * Reads the prediction that a request is about; to be done before anything else with it.
 *
 * @throws AppError `prediction_not_found` also when it is another tenant's; `queue_unavailable`
 */
export const readOwned = async (
  deps: { readPrediction: RecordReader['read'] },
  { params, tenant }: RequestAboutOne,
): Promise<PredictionRead> =>
  requireOwned(tenant, isPredictionId(params.id) ? await deps.readPrediction(params.id) : null)
