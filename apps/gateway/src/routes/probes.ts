import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError } from '@menagerie/contract/errors'
import Type from 'typebox'
import type { AppDeps } from '../app.ts'
import { problemResponses } from './problem-responses.ts'

const config = { access: 'open', isProbe: true } as const

const describeState = (status: string) => ({
  description: `It is ${status}`,
  content: { 'application/json': { schema: Type.Object({ status: Type.String({ examples: [status] }) }) } },
})

/** `GET /livez` and `/readyz` */
export const probesRoute =
  (deps: AppDeps): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/livez',
      {
        config,
        schema: {
          tags: ['operations'],
          summary: 'Is the process alive?',
          response: { 200: describeState('alive') },
        },
      },
      async () => ({ status: 'alive' }),
    )
    app.get(
      '/readyz',
      {
        config,
        schema: {
          tags: ['operations'],
          summary: 'Can it take predictions? It can when Redis takes writes; workers do not matter',
          response: {
            200: describeState('ready'),
            ...problemResponses('internal_error', 'queue_unavailable', 'queue_full', 'shutting_down'),
          },
        },
      },
      async () => {
        if (app.isDraining)
          throw new AppError('shutting_down', 'this gateway finishes its requests and stops')
        await deps.checkWritable()
        return { status: 'ready' }
      },
    )
  }
