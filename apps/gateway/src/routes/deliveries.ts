import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { AppDeps } from '../app.ts'
import { isPredictionId } from '../prediction-id.ts'
import type { FoundDeliveries } from '../webhooks/deliveries.ts'
import { requireOwned } from '../tenants/require-owned.ts'
import type { Tenant } from '../tenants/tenant.ts'
import { PREDICTION_PARAMS } from './prediction-params.ts'
import { problemResponses } from './problem-responses.ts'

const CODES = [
  'request_invalid',
  'api_key_invalid',
  'prediction_not_found',
  'internal_error',
  'queue_unavailable',
  'queue_full',
] as const
const tags = ['webhooks']

const listSchema = {
  tags,
  summary: 'See what became of the webhooks of a prediction',
  description: 'Can be read for 7 days after the last attempt, longer than the prediction itself.',
  params: PREDICTION_PARAMS,
  response: {
    200: {
      description: 'Its webhooks; one of a start appears when the prediction has started',
      content: {
        'application/json': { schema: Type.Object({ items: Type.Array(Type.Ref('Delivery')) }) },
      },
    },
    ...problemResponses(...CODES),
  },
}

const redeliverSchema = {
  tags,
  summary: 'Send a webhook once more',
  description:
    'The same `webhook-id` and the same body with a new signature, at once and with all attempts anew, whether it was ' +
    'delivered or given up. One that waits for its next attempt does not wait any longer, unless its host is down or busy.',
  params: Type.Object({
    ...PREDICTION_PARAMS.properties,
    n: Type.Integer({ minimum: 1, maximum: 1000, description: 'Of the delivery' }),
  }),
  response: {
    202: {
      description: 'It is being sent, unless its host is down or busy: then it waits for that',
      content: { 'application/json': { schema: Type.Ref('Delivery') } },
    },
    ...problemResponses(...CODES, 'delivery_not_found', 'delivery_not_due'),
  },
}

/** `/v1/predictions/{id}/deliveries` */
export const deliveriesRoute =
  ({ deliveries }: AppDeps): FastifyPluginAsyncTypebox =>
  async (app) => {
    const requireDeliveries = async (tenant: Tenant, id: string): Promise<FoundDeliveries> =>
      requireOwned(tenant, isPredictionId(id) ? await deliveries.find(id) : null)

    app.get('/v1/predictions/:id/deliveries', { schema: listSchema }, async (request) => ({
      items: await deliveries.view(await requireDeliveries(request.tenant, request.params.id)),
    }))

    app.post(
      '/v1/predictions/:id/deliveries/:n/redeliver',
      { schema: redeliverSchema },
      async (request, reply) => {
        const found = await requireDeliveries(request.tenant, request.params.id)
        reply.code(202)
        return deliveries.redeliver(found, request.params.n)
      },
    )
  }
