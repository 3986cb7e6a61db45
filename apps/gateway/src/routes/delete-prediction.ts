import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { AppDeps } from '../app.ts'
import { isPredictionId } from '../prediction-id.ts'
import { requireOwned } from '../tenants/require-owned.ts'
import { PREDICTION_PARAMS } from './prediction-params.ts'
import { problemResponses } from './problem-responses.ts'

const schema = {
  tags: ['predictions'],
  summary: 'Forget a prediction',
  description:
    'Removes everything about it: the picture, the result, its webhooks, sent or not, and the remembered ' +
    'answer for these bytes. One that has not ended is canceled first.',
  params: PREDICTION_PARAMS,
  response: {
    204: { description: 'It is gone', type: 'null' },
    ...problemResponses(
      'request_invalid',
      'api_key_invalid',
      'prediction_not_found',
      'internal_error',
      'queue_unavailable',
      'queue_full',
      'upload_store_unavailable',
    ),
  },
}

/** `DELETE /v1/predictions/{id}` */
export const deletePredictionRoute =
  (deps: AppDeps): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.delete('/v1/predictions/:id', { schema }, async (request, reply) => {
      const { id } = request.params
      // Its webhooks are kept for longer than the prediction can be read.
      requireOwned(request.tenant, isPredictionId(id) ? await deps.deliveries.find(id) : null)
      await deps.deletions.deletePrediction(id)
      return reply.code(204).send(null)
    })
  }
