import { AppError } from '@menagerie/contract/errors'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { AppDeps, AppOptions } from '../../app.ts'
import { foreignResponses } from '../foreign-responses.ts'
import { OUTPUTS } from './outputs.ts'
import { requireVersion } from './require-version.ts'
import {
  InferenceError,
  MODEL_PATHS,
  MODEL_VERSION,
  ModelMetadata,
  ModelReady,
  ServerLive,
  ServerMetadata,
  ServerReady,
} from './schemas.ts'

const tags = ['compatibility']

const describeModel = (name: string): ModelMetadata => ({
  name,
  versions: [MODEL_VERSION],
  platform: 'onnxruntime_onnx',
  inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }],
  outputs: OUTPUTS.map(({ name: output, datatype, shape }) => ({ name: output, datatype, shape })),
})

const MODEL_CODES = [
  'request_invalid',
  'api_key_invalid',
  'model_not_found',
  'internal_error',
  'queue_unavailable',
] as const

const serverRoutes =
  (deps: AppDeps, { version }: AppOptions): FastifyPluginAsyncTypebox =>
  async (app) => {
    const metadata = {
      name: 'menagerie',
      version,
      extensions: ['binary_tensor_data', 'classification'],
    }
    app.get(
      '',
      {
        config: { access: 'open' },
        schema: { tags, summary: 'What server is this?', response: { 200: ServerMetadata } },
      },
      async () => metadata,
    )
    app.get(
      '/health/live',
      {
        config: { access: 'open', isProbe: true },
        schema: {
          tags,
          summary: 'Is the server alive?',
          response: { 200: ServerLive },
        },
      },
      async () => ({ live: true }),
    )
    app.get(
      '/health/ready',
      {
        config: { access: 'open', isProbe: true },
        schema: {
          tags,
          summary: 'Can it take predictions? As /readyz',
          response: {
            200: ServerReady,
            ...foreignResponses(
              InferenceError,
              'internal_error',
              'queue_unavailable',
              'queue_full',
              'shutting_down',
            ),
          },
        },
      },
      async () => {
        if (app.isDraining)
          throw new AppError('shutting_down', 'this gateway finishes its requests and stops')
        await deps.checkWritable()
        return { ready: true }
      },
    )
  }

const modelRoutes =
  (deps: AppDeps): FastifyPluginAsyncTypebox =>
  async (app) => {
    /** The name of the model that a request is about. */
    const requireModel = async (request: FastifyRequest): Promise<string> => {
      requireVersion(request)
      const { model } = request.params as { model: string }
      if (await deps.catalog.has(model)) return model
      throw new AppError('model_not_found', `there is no model "${model}"; GET /v1/models lists them`)
    }

    for (const { path, params } of MODEL_PATHS) {
      app.get(
        path,
        {
          schema: {
            tags,
            summary: 'What a model takes and gives',
            params,
            response: { 200: ModelMetadata, ...foreignResponses(InferenceError, ...MODEL_CODES) },
          },
        },
        async (request) => describeModel(await requireModel(request)),
      )
      app.get(
        `${path}/ready`,
        {
          schema: {
            tags,
            summary: 'Is there a worker for this model?',
            params,
            response: {
              200: ModelReady,
              ...foreignResponses(InferenceError, ...MODEL_CODES),
              503: InferenceError,
            },
          },
        },
        async (request, reply) => {
          const name = await requireModel(request)
          const { workersReady } = await deps.readCapacity(name)
          if (workersReady === 0) {
            return reply.code(503).send({ error: `no worker of model "${name}" is ready` })
          }
          return { name, ready: true }
        },
      )
    }
  }

/** Health and metadata of the server and of its models. */
export const metadataRoutes =
  (deps: AppDeps, options: AppOptions): FastifyPluginAsyncTypebox =>
  async (app) => {
    await app.register(serverRoutes(deps, options))
    await app.register(modelRoutes(deps))
  }
