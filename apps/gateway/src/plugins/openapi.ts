import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { Batch, BatchResult } from '@menagerie/contract/batch'
import { Delivery, WebhookDeadLetter } from '@menagerie/contract/delivery'
import { ClassicAnswer, Prediction } from '@menagerie/contract/prediction'
import { Problem } from '@menagerie/contract/problem'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Body schemas by content type, for the document; these bodies are streams and checked while they arrive. */
    documentedBody?: Record<string, { schema: object }>
  }
}

/** GET /openapi.json and /docs, made from the schemas that the routes validate with. */
export const openapi = fp<{ version: string }>(
  async (app, { version }) => {
    for (const schema of [
      Prediction,
      ClassicAnswer,
      Batch,
      BatchResult,
      Problem,
      Delivery,
      WebhookDeadLetter,
    ])
      app.addSchema(schema)
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Menagerie',
          description: 'Post a photo, learn what is on it. Every accepted prediction reaches an end.',
          version,
          license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
        },
        components: {
          securitySchemes: {
            apiKey: {
              type: 'http',
              scheme: 'bearer',
              description: 'API key of a tenant, where keys are set up',
            },
            operatorKey: { type: 'http', scheme: 'bearer', description: 'OPERATOR_KEY of the server' },
          },
        },
        tags: [
          { name: 'predictions', description: 'Ask, wait, read' },
          { name: 'batches', description: 'Many pictures at once' },
          { name: 'webhooks', description: 'What became of them' },
          { name: 'models', description: 'What is served' },
          {
            name: 'compatibility',
            description: 'The calls of other servers, with errors in their own shapes',
          },
          { name: 'operations', description: 'What failed, probes, and this document' },
        ],
      },
      refResolver: {
        buildLocalReference: (schema, _baseUri, _fragment, index) =>
          typeof schema['$id'] === 'string' ? schema['$id'] : `schema-${index}`,
      },
      transform: ({ schema, url, route }) => {
        const content = route.config?.documentedBody
        return { schema: content === undefined ? schema : { ...schema, body: { content } }, url }
      },
    })
    await app.register(swaggerUi, { routePrefix: '/docs', theme: { title: 'Menagerie' } })
    app.get('/openapi.json', { config: { access: 'open' }, schema: { hide: true } }, async () =>
      app.swagger(),
    )
  },
  { name: 'openapi' },
)
