import { AppError } from '@menagerie/contract/errors'
import type { PredictJobData } from '@menagerie/contract/job'
import { createRecord } from '@menagerie/contract/job-record'
import { randomUUID } from 'node:crypto'
import type { AcceptPrediction, PredictionRequest } from './accept-prediction.ts'
import type { PredictionRead } from './record-reader.ts'
import type { WaitOptions, Waits } from './waits.ts'

/** A prediction as it was when it was accepted, for when Redis cannot be read a moment later. */
const describeAccepted = (id: string, data: PredictJobData): PredictionRead => {
  const nowMs = Date.now()
  return { record: createRecord(id, data, nowMs), status: 'queued', nowMs, position: null }
}

/**
 * Accepts a prediction and waits for its end as long as asked; resolves with its record as it is then. Once it is
 * accepted nothing fails any more: a client that got an error would send the picture again.
 *
 * @throws AppError when it is not accepted
 */
export const createSubmit =
  (deps: { acceptPrediction: AcceptPrediction; waits: Waits }) =>
  async (request: Omit<PredictionRequest, 'id'>, wait: WaitOptions): Promise<PredictionRead> => {
    const id = randomUUID()
    const listener = deps.waits.listen(id)
    try {
      const data = await deps.acceptPrediction({ ...request, id })
      const read = await listener.waitForEnd(data, wait).catch((error: unknown) => {
        if (error instanceof AppError) return null
        throw error
      })
      return read ?? describeAccepted(id, data)
    } finally {
      listener.close()
    }
  }
export type Submit = ReturnType<typeof createSubmit>
