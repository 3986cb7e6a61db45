import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { AppDeps } from '../app.ts'
import { requireOwned } from '../tenants/require-owned.ts'
import { PREDICTION_PARAMS } from './prediction-params.ts'
import { problemResponses } from './problem-responses.ts'
import { readOwned } from './read-owned.ts'

const schema = {
  tags: ['predictions'],
  summary: 'Cancel a prediction',
  description:
    'It reads `canceled` from then on, and its webhook says so; a run in progress stops as soon as it can. One that ' +
    'has ended cannot be canceled.',
  params: PREDICTION_PARAMS,
  response: {
    200: {
      description: 'It is canceled, now or since before',
      content: { 'application/json': { schema: Type.Ref('Prediction') } },
    },
    ...problemResponses(
      'request_invalid',
      'api_key_invalid',
      'prediction_not_found',
      'prediction_ended',
      'internal_error',
      'queue_unavailable',
      'queue_full',
    ),
  },
}

/** `POST /v1/predictions/{id}/cancel` */
export const cancelPredictionRoute =
  (deps: AppDeps): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post('/v1/predictions/:id/cancel', { schema }, async (request) => {
      const { record } = await readOwned(deps, request)
      const read = await deps.cancelPrediction(record.id)
      return deps.viewPrediction(requireOwned(request.tenant, read), deps.baseUrl(request))
    })
  }
