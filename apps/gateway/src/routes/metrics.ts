import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { AppDeps, AppOptions } from '../app.ts'
import { problemResponses } from './problem-responses.ts'
import { createRequireAccess } from './require-access.ts'

const EXAMPLE = `# HELP menagerie_queue_depth Predictions still to be done
# TYPE menagerie_queue_depth gauge
menagerie_queue_depth{model="densenet-121"} 43
`

const schema = {
  tags: ['operations'],
  summary: 'Read the metrics of this gateway',
  description:
    'In the text format of Prometheus; docs/metrics.md has the names. Who may is a setting, `METRICS_ACCESS`.',
  response: {
    200: {
      description: 'The metrics',
      content: { 'text/plain': { schema: Type.String({ examples: [EXAMPLE] }), example: EXAMPLE } },
    },
    ...problemResponses('operator_key_invalid', 'operator_disabled', 'internal_error'),
  },
}

/** `GET /metrics` */
export const metricsRoute =
  (deps: AppDeps, { access, operatorKey }: AppOptions): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.addHook('onRequest', createRequireAccess(access.metrics, { tenants: deps.tenants, operatorKey }))
    app.get('/metrics', { schema, config: { access: 'configured' } }, async (_request, reply) =>
      reply.type(deps.metrics.contentType).send(await deps.readMetrics()),
    )
  }
