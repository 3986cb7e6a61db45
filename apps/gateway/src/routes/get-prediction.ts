import { AppError } from '@menagerie/contract/errors'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { AppDeps } from '../app.ts'
import { createClientSignal } from '../client-signal.ts'
import { WAIT_SECONDS_MAX } from '../prefer-wait.ts'
import { problemResponses } from './problem-responses.ts'

export const PREDICTION_ID_LENGTH_MAX = 128

/** Ids are UUIDs. Anything else is not looked up: beside the jobs are keys of BullMQ's, such as `events`. */
export const PREDICTION_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export const createNotFoundError = (): AppError =>
  new AppError('prediction_not_found', 'there is no prediction with this id, or it is too old')

const schema = {
  tags: ['predictions'],
  summary: 'Read a prediction',
  description:
    'With `wait`, answers as soon as the prediction has ended, or with what is known when the time is up.',
  params: Type.Object({ id: Type.String({ minLength: 1, maxLength: PREDICTION_ID_LENGTH_MAX }) }),
  querystring: Type.Object(
    {
      wait: Type.Optional(
        Type.Integer({ minimum: 0, maximum: WAIT_SECONDS_MAX, description: 'Seconds to wait' }),
      ),
    },
    { additionalProperties: false },
  ),
  response: {
    200: {
      description: 'The prediction as it is now',
      content: { 'application/json': { schema: Type.Ref('Prediction') } },
    },
    ...problemResponses('request_invalid', 'prediction_not_found', 'internal_error', 'queue_unavailable'),
  },
}

/** `GET /v1/predictions/{id}` */
export const getPredictionRoute =
  (deps: AppDeps): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get('/v1/predictions/:id', { schema }, async (request, reply) => {
      const { id } = request.params
      const timeoutMs = (request.query.wait ?? 0) * 1000
      const read = PREDICTION_ID.test(id)
        ? await deps.waits.waitForEnd(id, { timeoutMs, signal: createClientSignal(reply) })
        : null
      if (read === null) throw createNotFoundError()
      return deps.viewPrediction(read, deps.baseUrl(request))
    })
  }
