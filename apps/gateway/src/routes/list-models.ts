import { ModelView } from '@menagerie/contract/registry'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { AppDeps } from '../app.ts'
import type { CatalogModel } from '../model-catalog.ts'
import { problemResponses } from './problem-responses.ts'

const schema = {
  tags: ['models'],
  summary: 'List the models',
  response: {
    200: {
      description: 'The default model, and all that a worker has registered',
      content: { 'application/json': { schema: Type.Object({ models: Type.Array(ModelView) }) } },
    },
    ...problemResponses('api_key_invalid', 'internal_error', 'queue_unavailable'),
  },
}

/** `GET /v1/models` */
export const listModelsRoute =
  (deps: AppDeps): FastifyPluginAsyncTypebox =>
  async (app) => {
    const view = async ({ name, details }: CatalogModel): Promise<ModelView> => ({
      name,
      description: details?.description ?? null,
      default: name === deps.catalog.defaultName,
      digest: details?.digest ?? null,
      trained: details?.trained ?? null,
      animals_only: details?.animals_only ?? null,
      classes: details?.labels.length ?? null,
      input: details?.input ?? null,
      workers_ready: (await deps.readCapacity(name)).workersReady,
    })
    app.get('/v1/models', { schema }, async () => ({
      models: await Promise.all((await deps.catalog.list()).map(view)),
    }))
  }
