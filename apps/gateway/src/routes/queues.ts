import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError } from '@menagerie/contract/errors'
import { QueueView } from '@menagerie/contract/queue'
import Type from 'typebox'
import type { AppDeps, AppOptions } from '../app.ts'
import { problemResponses } from './problem-responses.ts'
import { createRequireAccess } from './require-access.ts'

const tags = ['operations']
const config = { access: 'configured' } as const
const CODES = ['operator_key_invalid', 'operator_disabled', 'internal_error', 'queue_unavailable'] as const

const Params = Type.Object({
  model: Type.String({ maxLength: 64, description: 'GET /v1/models lists them', examples: ['densenet-121'] }),
})

const listSchema = {
  tags,
  summary: 'Look at the queues of all models',
  description: 'At most a second old. Who may is a setting, `QUEUES_ACCESS`.',
  response: {
    200: {
      description: 'The queue of the default model, and of all that a worker has registered',
      content: { 'application/json': { schema: Type.Object({ queues: Type.Array(QueueView) }) } },
    },
    ...problemResponses(...CODES),
  },
}
const readSchema = {
  tags,
  summary: 'Look at the queue of a model',
  description: 'What an autoscaler goes by: `depth` is a number at the top level. At most a second old.',
  params: Params,
  response: {
    200: {
      description: 'The queue, also while no worker is there',
      content: { 'application/json': { schema: QueueView } },
    },
    ...problemResponses('request_invalid', 'model_not_found', ...CODES),
  },
}

/** `GET /v1/queues` and `GET /v1/queues/{model}` */
export const queuesRoute =
  (deps: AppDeps, { access, operatorKey }: AppOptions): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.addHook('onRequest', createRequireAccess(access.queues, { tenants: deps.tenants, operatorKey }))
    app.get('/v1/queues', { schema: listSchema, config }, async () => ({
      queues: await Promise.all((await deps.catalog.listNames()).map(deps.readQueue)),
    }))
    app.get('/v1/queues/:model', { schema: readSchema, config }, async (request) => {
      const { model } = request.params
      if (await deps.catalog.has(model)) return deps.readQueue(model)
      throw new AppError('model_not_found', 'there is no such model; GET /v1/models lists them')
    })
  }
