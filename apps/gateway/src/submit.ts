import { AppError } from '@menagerie/contract/errors'
import type { PredictJobData } from '@menagerie/contract/job'
import { createRecord } from '@menagerie/contract/job-record'
import { runSpan } from '@menagerie/tracing/run-span'
import type { Tracer } from '@menagerie/tracing/tracer'
import { randomUUID } from 'node:crypto'
import type { AcceptPrediction, PredictionRequest } from './accept-prediction.ts'
import type { Identify } from './prediction-id.ts'
import type { PredictionRead } from './record-reader.ts'
import type { WaitOptions, Waits } from './waits.ts'

/** A prediction as it was when it was accepted, for when Redis cannot be read a moment later. */
const describeAccepted = (id: string, data: PredictJobData): PredictionRead => {
  const nowMs = Date.now()
  return { record: createRecord(id, data, nowMs), status: 'queued', nowMs, position: null }
}

export type SubmitRequest = Omit<PredictionRequest, 'id' | 'isKeyed'> & {
  /** As the client sent it; null when it sent none. */
  idempotencyKey: string | null
  /** When the picture is in Redis, and no more here. */
  onAccepted?: () => void
}

const NOTHING = Buffer.alloc(0)

/**
 * Accepts a prediction and waits for its end as long as asked; resolves with its record as it is then. Once it is
 * accepted nothing fails any more: a client that got an error would send the picture again.
 *
 * @throws AppError when it is not accepted
 */
export const createSubmit =
  (deps: { identify: Identify; acceptPrediction: AcceptPrediction; waits: Waits; tracer: Tracer }) =>
  async (
    { idempotencyKey, onAccepted, ...request }: SubmitRequest,
    wait: WaitOptions,
  ): Promise<PredictionRead> => {
    const isKeyed = idempotencyKey !== null
    const id = isKeyed ? await deps.identify('request', request.tenant.id, idempotencyKey) : randomUUID()
    const listener = deps.waits.listen(id)
    try {
      const { data, read: accepted } = await deps.acceptPrediction({ ...request, id, isKeyed })
      request.upload.bytes = NOTHING
      onAccepted?.()
      // Under the id of a key there may have been another before: what was heard since may be of that one.
      const waitForEnd = () => (isKeyed ? deps.waits.waitForEnd(id, wait) : listener.waitForEnd(data, wait))
      const waiting =
        wait.timeoutMs === 0
          ? waitForEnd()
          : runSpan(deps.tracer, 'wait for the end', { parent: request.trace }, waitForEnd)
      const read = await waiting.catch((error: unknown) => {
        if (error instanceof AppError) return null
        throw error
      })
      // Not `queued` of something that somebody has seen ended before.
      return read ?? accepted ?? describeAccepted(id, data)
    } finally {
      listener.close()
    }
  }
export type Submit = ReturnType<typeof createSubmit>
