import { AppError } from '@menagerie/contract/errors'
import { randomUUID } from 'node:crypto'
import type { AcceptPrediction, PredictionRequest } from './accept-prediction.ts'
import type { PredictionRead } from './record-reader.ts'
import type { WaitOptions, Waits } from './waits.ts'

/**
 * Accepts a prediction and waits for its end as long as asked; resolves with its record as it is then.
 *
 * @throws AppError
 */
export const createSubmit =
  (deps: { acceptPrediction: AcceptPrediction; waits: Waits }) =>
  async (request: Omit<PredictionRequest, 'id'>, wait: WaitOptions): Promise<PredictionRead> => {
    const id = randomUUID()
    const listener = deps.waits.listen(id)
    try {
      await deps.acceptPrediction({ ...request, id })
      const read = await listener.waitForEnd(wait)
      if (read === null) throw new AppError('internal_error', `the accepted prediction ${id} has no record`)
      return read
    } finally {
      listener.close()
    }
  }
export type Submit = ReturnType<typeof createSubmit>
