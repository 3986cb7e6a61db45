import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { Batch, BatchResult } from '@menagerie/contract/batch'
import { Delivery, WebhookDeadLetter } from '@menagerie/contract/delivery'
import { ClassicAnswer, Prediction } from '@menagerie/contract/prediction'
import { Problem } from '@menagerie/contract/problem'
import type { FastifySchema, onRequestAsyncHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { completeDocument } from '../openapi/complete-document.ts'
import type { ApiDocument } from '../openapi/document.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Body schemas by content type, for the document; these bodies are streams and checked while they arrive. */
    documentedBody?: Record<string, { schema: object }>
  }
}

const INFO = {
  title: 'Menagerie',
  description:
    'Post a photo, learn what is on it. Every accepted prediction reaches an end.\n\n' +
    'An error is an RFC 9457 problem with a stable `code`; each response lists the codes that it can carry. ' +
    'Where there is no route at all the answer is 404 `route_not_found`.',
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
}

// All that the page needs comes from this server. Its script writes styles into elements.
const DOCS_CSP = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data:",
  'font-src': "'self'",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
}

/** By who may call a route. Without any API keys set up everybody is let in as a tenant. */
const SECURITY = {
  tenant: [{ apiKey: [] }, {}],
  operator: [{ operatorKey: [] }],
  open: [],
  // As a setting says; the document is the same whatever that is.
  configured: [{ operatorKey: [] }, { apiKey: [] }, {}],
}

/** The error codes that a route was given to `problemResponses`, by status. */
const listCodes = (response: unknown): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries((response ?? {}) as Record<string, { codes?: string[] }>).flatMap(([status, { codes }]) =>
      codes === undefined ? [] : [[status, codes]],
    ),
  )

/** GET /openapi.json and /docs, made from the schemas that the routes validate with. */
export const openapi = fp<{ version: string; requireAccess: onRequestAsyncHookHandler }>(
  async (app, { version, requireAccess }) => {
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
        info: { ...INFO, version },
        servers: [{ url: '/', description: 'The gateway that serves this document' }],
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
          { name: 'operations', description: 'What waits, what failed, metrics, probes, and this document' },
        ],
      },
      refResolver: {
        buildLocalReference: (schema, _baseUri, _fragment, index) =>
          typeof schema['$id'] === 'string' ? schema['$id'] : `schema-${index}`,
      },
      transform: ({ schema, url, route }) => {
        if (schema === undefined) return { schema, url }
        const { documentedBody: content, access } = route.config ?? {}
        const documented = {
          security: SECURITY[access ?? 'tenant'],
          ...schema,
          'x-codes': listCodes(schema.response),
        } as FastifySchema
        return { schema: content === undefined ? documented : { ...documented, body: { content } }, url }
      },
      transformObject: (made) =>
        ('openapiObject' in made
          ? completeDocument(made.openapiObject as unknown as ApiDocument)
          : made.swaggerObject) as never,
    })
    await app.register(async (scope) => {
      scope.addHook('onRequest', requireAccess)
      await scope.register(swaggerUi, {
        routePrefix: '/docs',
        theme: { title: 'Menagerie' },
        staticCSP: DOCS_CSP,
      })
      scope.get('/openapi.json', { config: { access: 'configured' }, schema: { hide: true } }, async () =>
        app.swagger(),
      )
    })
  },
  { name: 'openapi' },
)
