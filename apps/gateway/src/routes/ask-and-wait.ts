import { AppError } from '@menagerie/contract/errors'
import type { Prediction, PredictionOptions } from '@menagerie/contract/prediction'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AppDeps, AppOptions } from '../app.ts'
import { createClientSignal } from '../client-signal.ts'
import { predictionPath } from '../job-view.ts'
import type { ReceivedUpload } from '../receive-upload.ts'
import { isEnded } from '../record-reader.ts'
import { readSubmitHeaders } from '../request-headers.ts'
import { markAnswer } from './answer-marks.ts'

interface Asked {
  upload: ReceivedUpload
  options: PredictionOptions
}

/** A prediction that succeeded. */
export type Answered = Prediction & { output: NonNullable<Prediction['output']> }

/**
 * Asks for a prediction and waits for its answer, as the calls of other servers do; `Location` says where it can be read,
 * whatever comes of it. Who goes away ends the wait, not the prediction.
 *
 * @throws AppError when it is not accepted, did not succeed, or is not finished within SYNC_TIMEOUT
 */
export const createAskAndWait =
  (deps: AppDeps, { syncTimeoutMs }: Pick<AppOptions, 'syncTimeoutMs'>) =>
  async (request: FastifyRequest, reply: FastifyReply, asked: Asked): Promise<Answered> => {
    const baseUrl = deps.baseUrl(request)
    const read = await deps.submit(
      {
        tenant: request.tenant,
        onAccepted: request.releaseUpload,
        ...asked,
        ...readSubmitHeaders(request.headers),
        baseUrl,
        trace: request.span.context,
      },
      { timeoutMs: syncTimeoutMs, signal: createClientSignal(reply) },
    )
    request.notePrediction(read.record)
    const path = predictionPath(read.record.id)
    reply.header('location', path)
    if (!isEnded(read)) {
      const code = request.server.isDraining ? 'shutting_down' : 'prediction_timeout'
      throw new AppError(code, `the photo is accepted; its answer will be at ${baseUrl}${path}`)
    }
    const prediction = await deps.viewPrediction(read, baseUrl)
    const { error, output } = prediction
    if (error !== null) throw new AppError(error.code, error.message)
    if (output === null) throw new Error(`prediction ${prediction.id} has neither an output nor an error`)
    markAnswer(reply, prediction)
    return { ...prediction, output }
  }
