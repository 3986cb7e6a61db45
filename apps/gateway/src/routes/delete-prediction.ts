import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { AppDeps } from '../app.ts'
import { PREDICTION_PARAMS } from './prediction-params.ts'
import { problemResponses } from './problem-responses.ts'
import { readOwned } from './read-owned.ts'

const schema = {
  tags: ['predictions'],
  summary: 'Forget a prediction',
  description:
    'Removes everything about it: the picture, the result, the webhook that is still to be sent, and the remembered ' +
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
    ),
  },
}

/** `DELETE /v1/predictions/{id}` */
export const deletePredictionRoute =
  (deps: AppDeps): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.delete('/v1/predictions/:id', { schema }, async (request, reply) => {
      const { record } = await readOwned(deps, request)
      await deps.deletions.deletePrediction(record.id)
      return reply.code(204).send(null)
    })
  }
