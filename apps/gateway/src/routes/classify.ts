import { ClassicAnswer, type Prediction } from '@menagerie/contract/prediction'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import Type from 'typebox'
import type { AppDeps, AppOptions } from '../app.ts'
import { createClientSignal } from '../client-signal.ts'
import { predictionPath } from '../job-view.ts'
import { sendProblem } from '../plugins/error-handler.ts'
import { receiveInput } from '../receive-input.ts'
import { readSubmitHeaders, SUBMIT_HEADERS } from '../request-headers.ts'
import { isEnded } from '../record-reader.ts'
import { KEY_CODES, UPLOAD_CODES, uploadBody } from './upload-body.ts'
import { predictionResponse } from './prediction-response.ts'
import { problemResponses } from './problem-responses.ts'

const OUTCOME_CODES = [
  'image_undecodable',
  'image_too_large',
  'decode_timeout',
  'prediction_canceled',
  'prediction_expired',
  'prediction_timeout',
  'upload_expired',
  'payload_invalid',
  'inference_failed',
  'worker_lost',
] as const

const schema = {
  tags: ['predictions'],
  summary: 'Classify a photo and wait for the answer',
  description: 'The call of the server that this one replaced: a form with one file under any field name.',
  headers: Type.Object(SUBMIT_HEADERS),
  response: {
    200: {
      description: 'The most probable class',
      headers: {
        'menagerie-trained': Type.String({
          description: '`false` when the stand-in answered, whose answers mean nothing',
        }),
        'menagerie-confident': Type.String({
          description: '`false` when the model is unsure: do not show the answer as a fact',
        }),
      },
      content: { 'application/json': { schema: Type.Ref('ClassicAnswer') } },
    },
    202: predictionResponse(
      'Accepted, but this gateway stops and cannot wait: poll the prediction at `location`',
    ),
    ...problemResponses(...UPLOAD_CODES, ...KEY_CODES, ...OUTCOME_CODES),
  },
}

/** The old server's bytes: no spaces, one newline at the end. */
const sendAnswer = (reply: FastifyReply, { output, model }: Prediction): FastifyReply => {
  const answer: ClassicAnswer = { class_id: output?.class_id ?? '', class_name: output?.class_name ?? '' }
  if (model.trained === false) reply.header('menagerie-trained', 'false')
  if (output?.confident === false) reply.header('menagerie-confident', 'false')
  return reply
    .type('application/json')
    .serializer(String)
    .send(`${JSON.stringify(answer)}\n`)
}

/** `POST /`: photo in, answer out, on one connection. */
export const classifyRoute =
  (deps: AppDeps, options: AppOptions): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post('/', { schema, config: { documentedBody: uploadBody() } }, async (request, reply) => {
      const { upload } = await receiveInput(request, options.uploadBytesMax)
      const baseUrl = deps.baseUrl(request)
      const read = await deps.submit(
        {
          tenant: request.tenant,
          upload,
          options: {},
          ...readSubmitHeaders(request.headers),
          baseUrl,
        },
        { timeoutMs: options.syncTimeoutMs, signal: createClientSignal(reply) },
      )
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
