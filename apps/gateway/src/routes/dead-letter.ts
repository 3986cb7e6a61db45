import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError, ERRORS, type ErrorCode } from '@menagerie/contract/errors'
import { PREDICTION_EXAMPLE } from '@menagerie/contract/prediction-example'
import Type from 'typebox'
import type { AppDeps, AppOptions } from '../app.ts'
import type { DeadLetterFilter } from '../dead-letters.ts'
import { predictionPath } from '../job-view.ts'
import { isPredictionId } from '../prediction-id.ts'
import type { StoredPrediction } from '../record-reader.ts'
import { HasMore, Limit, LIMIT_DEFAULT, OPERATOR_CODES } from './operator-schemas.ts'
import { PREDICTION_PARAMS } from './prediction-params.ts'
import { predictionResponse } from './prediction-response.ts'
import { problemResponses } from './problem-responses.ts'
import { createRequireOperator } from './require-operator.ts'

const FILTERS = {
  model: Type.Optional(
    Type.String({ maxLength: 64, description: 'Only those of this model', examples: ['densenet-121'] }),
  ),
  code: Type.Optional(
    Type.Enum(Object.keys(ERRORS) as ErrorCode[], { description: 'Only those that failed with this code' }),
  ),
  limit: Limit,
}
const Filter = Type.Object(FILTERS, { additionalProperties: false })
const ListQuery = Type.Object(
  {
    ...FILTERS,
    after: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'Id of the last one of the page before: goes on behind it',
        examples: [PREDICTION_EXAMPLE.id],
      }),
    ),
  },
  { additionalProperties: false },
)

const tags = ['operations']
const config = { access: 'operator' } as const
const security = [{ operatorKey: [] }]
const json = (description: string, schema: Type.TSchema) => ({
  description,
  content: { 'application/json': { schema } },
})

const listSchema = {
  tags,
  security,
  summary: 'List the predictions that failed',
  description:
    'Oldest first, model by model; without those that were replayed. They stay for `DEAD_LETTER_TTL`.',
  querystring: ListQuery,
  response: {
    200: json('What failed', Type.Object({ items: Type.Array(Type.Ref('Prediction')), has_more: HasMore })),
    ...problemResponses(...OPERATOR_CODES),
  },
}
const replaySchema = {
  tags,
  security,
  summary: 'Replay one that failed',
  description:
    'Makes a new prediction of the same picture, options and webhook, with `replay_of`; the failed one stays as it is. ' +
    'To replay it twice gives the same new prediction.',
  params: PREDICTION_PARAMS,
  response: {
    202: predictionResponse('The new prediction'),
    ...problemResponses(
      ...OPERATOR_CODES,
      'dead_letter_not_found',
      'idempotency_key_in_use',
      'upload_expired',
      'upload_store_unavailable',
    ),
  },
}
const replayAllSchema = {
  tags,
  security,
  summary: 'Replay those that failed',
  querystring: Filter,
  response: {
    200: json(
      'How many were',
      Type.Object({
        replayed: Type.Integer({ examples: [12] }),
        skipped: Type.Integer({ description: 'Their picture is gone', examples: [0] }),
        has_more: HasMore,
      }),
    ),
    ...problemResponses(...OPERATOR_CODES, 'upload_store_unavailable'),
  },
}
const purgeSchema = {
  tags,
  security,
  summary: 'Forget one that failed',
  params: PREDICTION_PARAMS,
  response: {
    204: { description: 'It is gone, and its picture', type: 'null' },
    ...problemResponses(...OPERATOR_CODES, 'dead_letter_not_found', 'upload_store_unavailable'),
  },
}
const purgeAllSchema = {
  tags,
  security,
  summary: 'Forget those that failed',
  querystring: Filter,
  response: {
    200: json('How many were', Type.Object({ purged: Type.Integer({ examples: [12] }), has_more: HasMore })),
    ...problemResponses(...OPERATOR_CODES, 'upload_store_unavailable'),
  },
}

const requireId = (id: string): string => {
  if (isPredictionId(id)) return id
  throw new AppError('dead_letter_not_found', 'this is not the id of a prediction')
}

/** Whether it was there to be done: it may have been purged, or its picture dropped, since it was listed. */
const wasDone = async (task: Promise<unknown>): Promise<boolean> => {
  try {
    await task
    return true
  } catch (error) {
    if (error instanceof AppError && ['dead_letter_not_found', 'upload_expired'].includes(error.code))
      return false
    throw error
  }
}

type ListOptions = DeadLetterFilter & { limit?: number; after?: string }

/** `/v1/dead-letter`: what failed, for operators. */
export const deadLetterRoute =
  ({ deadLetters, ...deps }: AppDeps, { operatorKey }: AppOptions): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.addHook('onRequest', createRequireOperator(operatorKey))
    /** The first ones that fit, behind `after`; and whether there are more. */
    const list = async ({ limit = LIMIT_DEFAULT, after, ...filter }: ListOptions) => {
      const items: StoredPrediction[] = []
      let isReached = after === undefined
      for await (const found of deadLetters.walk(filter)) {
        if (items.length === limit) return { items, hasMore: true }
        if (isReached) items.push(found)
        isReached ||= found.record.id === after
      }
      return { items, hasMore: false }
    }

    app.get('/v1/dead-letter', { schema: listSchema, config }, async (request) => {
      const { items, hasMore } = await list(request.query)
      const baseUrl = deps.baseUrl(request)
      const views = await Promise.all(items.map((item) => deps.viewPrediction(item, baseUrl)))
      return { items: views, has_more: hasMore }
    })

    app.post('/v1/dead-letter/:id/replay', { schema: replaySchema, config }, async (request, reply) => {
      const read = await deadLetters.replay(requireId(request.params.id), request.span.context)
      reply.code(202).header('location', predictionPath(read.record.id))
      return deps.viewPrediction(read, deps.baseUrl(request))
    })

    app.post('/v1/dead-letter/replay', { schema: replayAllSchema, config }, async (request) => {
      const { limit = LIMIT_DEFAULT, ...filter } = request.query
      let replayed = 0
      let skipped = 0
      for await (const { record } of deadLetters.walk(filter)) {
        if (replayed === limit) return { replayed, skipped, has_more: true }
        if (await wasDone(deadLetters.replay(record.id, request.span.context))) replayed += 1
        else skipped += 1
      }
      return { replayed, skipped, has_more: false }
    })

    app.delete('/v1/dead-letter/:id', { schema: purgeSchema, config }, async (request, reply) => {
      await deadLetters.purge(requireId(request.params.id))
      return reply.code(204).send(null)
    })

    app.delete('/v1/dead-letter', { schema: purgeAllSchema, config }, async (request) => {
      const { items, hasMore } = await list(request.query)
      let purged = 0
      for (const { record } of items) if (await wasDone(deadLetters.purge(record.id))) purged += 1
      return { purged, has_more: hasMore }
    })
  }
