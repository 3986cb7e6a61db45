import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { AppDeps } from '../app.ts'
import { createClientSignal } from '../client-signal.ts'
import { isEnded } from '../record-reader.ts'
import { requireOwned } from '../tenants/require-owned.ts'
import { WAIT_SECONDS_MAX } from '../prefer-wait.ts'
import { PREDICTION_PARAMS } from './prediction-params.ts'
import { problemResponses } from './problem-responses.ts'
import { readOwned } from './read-owned.ts'

const schema = {
  tags: ['predictions'],
  summary: 'Read a prediction',
  description:
    'With `wait`, answers as soon as the prediction has ended, or with what is known when the time is up.',
  params: PREDICTION_PARAMS,
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
    ...problemResponses(
      'request_invalid',
      'api_key_invalid',
      'prediction_not_found',
      'internal_error',
      'queue_unavailable',
    ),
  },
}

/** `GET /v1/predictions/{id}` */
export const getPredictionRoute =
  (deps: AppDeps): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get('/v1/predictions/:id', { schema }, async (request, reply) => {
      const timeoutMs = (request.query.wait ?? 0) * 1000
      let read = await readOwned(deps, request)
      if (timeoutMs > 0 && !isEnded(read)) {
        const wait = { timeoutMs, signal: createClientSignal(reply) }
        read = requireOwned(request.tenant, await deps.waits.waitForEnd(read.record.id, wait))
      }
      return deps.viewPrediction(read, deps.baseUrl(request))
    })
  }
