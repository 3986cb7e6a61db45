import { AppError, ERRORS, type ErrorCode } from '@menagerie/contract/errors'
import type { Prediction } from '@menagerie/contract/prediction'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { AppDeps, AppOptions } from '../app.ts'
import { pictureBodyLength } from '../decode-base64.ts'
import { beginError, createErrorHandler, type SendError } from '../plugins/error-handler.ts'
import { receiveInput } from '../receive-input.ts'
import { SUBMIT_HEADERS } from '../request-headers.ts'
import { createAskAndWait } from './ask-and-wait.ts'
import { ASK_AND_WAIT_CODES, ASK_AND_WAIT_HEADERS, foreignResponses } from './foreign-responses.ts'
import { uploadBody } from './upload-body.ts'

const TorchServeError = Type.Object(
  {
    code: Type.Integer({ description: 'The status' }),
    type: Type.String(),
    message: Type.String(),
  },
  {
    description: 'An error as TorchServe has them',
    examples: [{ code: 404, type: 'ModelNotFoundException', message: 'there is no model "cat"' }],
  },
)

/** Models here have one version, which TorchServe calls this where nothing else is said. */
const VERSION = '1.0'

const CLASSES = 5

const EXCEPTIONS: Record<number, string> = {
  400: 'BadRequestException',
  401: 'InvalidKeyException',
  404: 'ModelNotFoundException',
  429: 'ServiceUnavailableException',
  503: 'ServiceUnavailableException',
  504: 'RequestTimeoutException',
}

const nameException = (code: ErrorCode): string => {
  const { status } = ERRORS[code]
  return EXCEPTIONS[status] ?? (status < 500 ? 'BadRequestException' : 'InternalServerException')
}

export const sendTorchServeError: SendError = (reply, code, message, cause) =>
  beginError(reply, code, cause)
    .type('application/json')
    .send({ code: ERRORS[code].status, type: nameException(code), message })

/** Names of ImageNet come twice (a crane lifts or flies): the less probable one gets its id behind it. */
const nameClasses = ({ top_k }: NonNullable<Prediction['output']>): Record<string, number> => {
  const answer = new Map<string, number>()
  for (const { class_id, class_name, probability } of top_k) {
    answer.set(answer.has(class_name) ? `${class_name} (${class_id})` : class_name, probability)
  }
  return Object.fromEntries(answer)
}

const Params = Type.Object({
  model: Type.String({ maxLength: 64, description: 'GET /v1/models lists them', examples: ['densenet-121'] }),
})

const schema = {
  tags: ['compatibility'],
  summary: 'Classify a photo as TorchServe does',
  description:
    'The picture is the body, of whatever content type, or a file of a form. The answer has the five most probable ' +
    'classes by name, the most probable first.',
  headers: Type.Object(SUBMIT_HEADERS),
  response: {
    200: {
      description: 'Probabilities by class name',
      headers: ASK_AND_WAIT_HEADERS,
      content: {
        'application/json': {
          schema: Type.Unsafe<Record<string, number>>({
            type: 'object',
            additionalProperties: { type: 'number' },
            examples: [{ golden_retriever: 0.91, labrador_retriever: 0.04 }],
          }),
        },
      },
    },
    ...foreignResponses(TorchServeError, ...ASK_AND_WAIT_CODES),
  },
}

const Healthy = Type.Object(
  { status: Type.String() },
  { description: 'Predictions are taken', examples: [{ status: 'Healthy' }] },
)
const Unhealthy = Type.Object(
  { status: Type.String() },
  { description: 'Predictions cannot be taken now', examples: [{ status: 'Unhealthy' }] },
)

/** TorchServe's calls: `/predictions/{model}` and `GET /ping` */
export const torchServeRoutes =
  (deps: AppDeps, options: AppOptions): FastifyPluginAsyncTypebox =>
  async (app) => {
    const askAndWait = createAskAndWait(deps, options)
    app.setErrorHandler(createErrorHandler(sendTorchServeError))
    // curl says that its body is a form, or says nothing.
    app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))

    const requireVersion = ({ params }: FastifyRequest): void => {
      const { model, version = VERSION } = params as { model: string; version?: string }
      if (version === VERSION) return
      throw new AppError('model_not_found', `model "${model}" has version ${VERSION} only`)
    }

    for (const [url, params] of [
      ['/predictions/:model', Params],
      [
        '/predictions/:model/:version',
        Type.Object({
          ...Params.properties,
          version: Type.String({
            maxLength: 64,
            description: `The only one is ${VERSION}`,
            examples: [VERSION],
          }),
        }),
      ],
    ] as const) {
      app.route({
        // `curl -T photo.jpg` puts.
        method: ['POST', 'PUT'],
        url,
        schema: { ...schema, params },
        config: {
          admits: true,
          bodyBytesMax: pictureBodyLength(options.uploadBytesMax),
          documentedBody: uploadBody(),
        },
        handler: async (request, reply) => {
          requireVersion(request)
          const { upload } = await receiveInput(request, options.uploadBytesMax)
          const { model } = request.params
          const { output } = await askAndWait(request, reply, { upload, options: { model, top_k: CLASSES } })
          return nameClasses(output)
        },
      })
    }

    app.get(
      '/ping',
      {
        config: { access: 'open', isProbe: true },
        schema: {
          tags: ['compatibility'],
          summary: 'Can it take predictions? As TorchServe says it',
          response: { 200: Healthy, 503: Unhealthy },
        },
      },
      async (_request, reply) => {
        const isHealthy =
          !app.isDraining &&
          (await deps.checkWritable().then(
            () => true,
            () => false,
          ))
        return isHealthy ? { status: 'Healthy' } : reply.code(503).send({ status: 'Unhealthy' })
      },
    )
  }
