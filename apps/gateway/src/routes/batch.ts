import { BATCH_ITEMS_MAX } from '@menagerie/contract/batch'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { AppDeps } from '../app.ts'
import { BATCH_PAGE, createBatchNotFoundError, readOwnedBatch } from './batch-params.ts'
import { PREDICTION_PARAMS } from './prediction-params.ts'
import { problemResponses } from './problem-responses.ts'

const batchResponse = (description: string) => ({
  description,
  content: { 'application/json': { schema: Type.Ref('Batch') } },
})

const getSchema = {
  tags: ['batches'],
  summary: 'Read a batch',
  description: 'How many of its items have which status, and a page of them.',
  params: PREDICTION_PARAMS,
  querystring: Type.Object(
    {
      offset: Type.Optional(
        Type.Integer({ minimum: 0, maximum: BATCH_ITEMS_MAX, description: 'First item of the page' }),
      ),
      limit: Type.Optional(
        Type.Integer({ minimum: 0, maximum: BATCH_ITEMS_MAX, description: 'Items of the page; default 100' }),
      ),
    },
    { additionalProperties: false },
  ),
  response: {
    200: batchResponse('The batch as it is now'),
    ...problemResponses(
      'request_invalid',
      'api_key_invalid',
      'batch_not_found',
      'internal_error',
      'queue_unavailable',
    ),
  },
}

const cancelSchema = {
  tags: ['batches'],
  summary: 'Cancel a batch',
  description: 'Cancels every item that has not ended. One whose items have all ended cannot be canceled.',
  params: PREDICTION_PARAMS,
  response: {
    200: batchResponse('It is canceled, now or since before'),
    ...problemResponses(
      'request_invalid',
      'api_key_invalid',
      'batch_not_found',
      'batch_ended',
      'internal_error',
      'queue_unavailable',
      'queue_full',
    ),
  },
}

/** `GET /v1/batches/{id}`, `POST /v1/batches/{id}/cancel` */
export const batchRoute =
  (deps: AppDeps): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get('/v1/batches/:id', { schema: getSchema }, async (request) => {
      const { offset = 0, limit = BATCH_PAGE } = request.query
      const read = await readOwnedBatch(deps, request)
      return deps.batchViewer.viewBatch(read, { baseUrl: deps.baseUrl(request), offset, limit })
    })

    app.post('/v1/batches/:id/cancel', { schema: cancelSchema }, async (request) => {
      const read = await deps.batches.cancelBatch(await readOwnedBatch(deps, request))
      if (read === null) throw createBatchNotFoundError()
      const page = { baseUrl: deps.baseUrl(request), offset: 0, limit: BATCH_PAGE }
      return deps.batchViewer.viewBatch(read, page)
    })
  }
