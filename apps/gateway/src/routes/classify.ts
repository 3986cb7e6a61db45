import { ClassicAnswer, type Prediction } from '@menagerie/contract/prediction'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyReply } from 'fastify'
import Type from 'typebox'
import type { AppDeps, AppOptions } from '../app.ts'
import { createClientSignal } from '../client-signal.ts'
import { pictureBodyLength } from '../decode-base64.ts'
import { predictionPath } from '../job-view.ts'
import { sendProblem } from '../plugins/error-handler.ts'
import { receiveInput } from '../receive-input.ts'
import { readSubmitHeaders, SUBMIT_HEADERS } from '../request-headers.ts'
import { isEnded } from '../record-reader.ts'
import { MARK_HEADERS, markAnswer } from './answer-marks.ts'
import { OUTCOME_CODES } from './outcome-codes.ts'
import { KEY_CODES, UPLOAD_CODES, uploadBody } from './upload-body.ts'
import { predictionResponse } from './prediction-response.ts'
import { problemResponses } from './problem-responses.ts'

const schema = {
  tags: ['predictions'],
  summary: 'Classify a photo and wait for the answer',
  description:
    'The call of the server that this one replaced: a form with one file under any field name. A client that goes away ' +
    'before its answer cancels the prediction, unless it gave an `Idempotency-Key`.',
  headers: Type.Object(SUBMIT_HEADERS),
  response: {
    200: {
      description: 'The most probable class',
      headers: MARK_HEADERS,
      content: { 'application/json': { schema: Type.Ref('ClassicAnswer') } },
    },
    202: predictionResponse(
      'Accepted, but this gateway stops and cannot wait: poll the prediction at `location`',
    ),
    ...problemResponses(...UPLOAD_CODES, ...KEY_CODES, ...OUTCOME_CODES),
  },
}

/** The old server's bytes: no spaces, one newline at the end. */
const sendAnswer = (reply: FastifyReply, prediction: Prediction): FastifyReply => {
  const { output } = prediction
  const answer: ClassicAnswer = { class_id: output?.class_id ?? '', class_name: output?.class_name ?? '' }
  return markAnswer(reply, prediction)
    .type('application/json')
    .serializer(String)
    .send(`${JSON.stringify(answer)}\n`)
}

/**
 * Cancels what nobody waits for any more: the id of this prediction was never told to anybody. If that fails, it is
 * classified in vain.
 */
const cancelAbandoned = async (deps: AppDeps, id: string, log: FastifyBaseLogger): Promise<void> => {
  try {
    await deps.cancelPrediction(id)
    log.info({ predictionId: id }, 'canceled, as the client has gone')
  } catch (err) {
    log.info({ err, predictionId: id }, 'the client has gone, but its prediction could not be canceled')
  }
}

/** `POST /`: photo in, answer out, on one connection. */
export const classifyRoute =
  (deps: AppDeps, options: AppOptions): FastifyPluginAsyncTypebox =>
  async (app) => {
    const config = {
      admits: true,
      bodyBytesMax: pictureBodyLength(options.uploadBytesMax),
      documentedBody: uploadBody(),
    }
    app.post('/', { schema, config }, async (request, reply) => {
      const { upload } = await receiveInput(request, options.uploadBytesMax)
      const baseUrl = deps.baseUrl(request)
      const signal = createClientSignal(reply)
      const asked = readSubmitHeaders(request.headers)
      const read = await deps.submit(
        {
          tenant: request.tenant,
          onAccepted: request.releaseUpload,
          upload,
          options: {},
          ...asked,
          baseUrl,
          trace: request.span.context,
        },
        { timeoutMs: options.syncTimeoutMs, signal },
      )
      request.notePrediction(read.record)
      // Who gives a key may come again with it, from elsewhere too. When a gateway stops, it is the one who leaves.
      const isAbandoned = signal.aborted && asked.idempotencyKey === null && !deps.waits.isStopped()
      if (isAbandoned && !isEnded(read)) await cancelAbandoned(deps, read.record.id, request.log)
      const path = predictionPath(read.record.id)
      const url = `${baseUrl}${path}`
      if (!isEnded(read)) {
        reply.header('location', path)
        if (app.isDraining) return reply.code(202).send(await deps.viewPrediction(read, baseUrl))
        const detail = `the photo is accepted and will be classified; its answer will be at ${url}`
        return sendProblem(reply, 'prediction_timeout', detail, { prediction_url: url })
      }
      const prediction = await deps.viewPrediction(read, baseUrl)
      if (prediction.error === null) return sendAnswer(reply, prediction)
      const { code, message } = prediction.error
      return sendProblem(reply, code, message, { prediction_url: url })
    })
  }
