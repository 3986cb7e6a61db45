import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError } from '@menagerie/contract/errors'
import Type from 'typebox'
import type { AppDeps, AppOptions } from '../app.ts'
import { HasMore, Limit, LIMIT_DEFAULT, OPERATOR_CODES } from './operator-schemas.ts'
import { problemResponses } from './problem-responses.ts'
import { createRequireOperator } from './require-operator.ts'

const WEBHOOK_ID_LENGTH_MAX = 160

const config = { access: 'operator' } as const
const tags = ['operations']
const security = [{ operatorKey: [] }]
const querystring = Type.Object({ limit: Limit }, { additionalProperties: false })

const listSchema = {
  tags,
  security,
  summary: 'List the webhooks that were given up',
  description: 'Oldest first. They stay for 7 days.',
  querystring,
  response: {
    200: {
      description: 'What was not delivered',
      content: {
        'application/json': {
          schema: Type.Object({ items: Type.Array(Type.Ref('WebhookDeadLetter')), has_more: HasMore }),
        },
      },
    },
    ...problemResponses(...OPERATOR_CODES),
  },
}
const replaySchema = {
  tags,
  security,
  summary: 'Send one of them again',
  params: Type.Object({
    webhook_id: Type.String({
      minLength: 1,
      maxLength: WEBHOOK_ID_LENGTH_MAX,
      description: 'Its `webhook-id`',
      examples: ['wh-0199f5c3-7a1e-8b42-9c3d-5e6f70819a2b'],
    }),
  }),
  response: {
    202: { description: 'It is being sent, with all attempts anew', type: 'null' },
    ...problemResponses(...OPERATOR_CODES, 'dead_letter_not_found'),
  },
}
const replayAllSchema = {
  tags,
  security,
  summary: 'Send the oldest of them again',
  description:
    'Not those whose receiver answered 410, as it wants no more of them: each of these can be sent by its id.',
  querystring,
  response: {
    200: {
      description: 'How many are being sent',
      content: {
        'application/json': {
          schema: Type.Object({ replayed: Type.Integer({ examples: [12] }), has_more: HasMore }),
        },
      },
    },
    ...problemResponses(...OPERATOR_CODES),
  },
}

/** Somebody else may have sent it since it was listed. */
const isGone = (error: unknown): boolean =>
  error instanceof AppError && error.code === 'dead_letter_not_found'

/** `/v1/dead-letter/webhooks`: webhooks that were given up, for operators. */
export const webhookDeadLetterRoute =
  ({ webhookDeadLetters }: AppDeps, { operatorKey }: AppOptions): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.addHook('onRequest', createRequireOperator(operatorKey))

    app.get('/v1/dead-letter/webhooks', { schema: listSchema, config }, async (request) => {
      const { items, hasMore } = await webhookDeadLetters.list(request.query.limit ?? LIMIT_DEFAULT)
      return { items, has_more: hasMore }
    })

    app.post(
      '/v1/dead-letter/webhooks/:webhook_id/replay',
      { schema: replaySchema, config },
      async (request, reply) => {
        await webhookDeadLetters.replay(request.params.webhook_id)
        return reply.code(202).send(null)
      },
    )

    app.post('/v1/dead-letter/webhooks/replay', { schema: replayAllSchema, config }, async (request) => {
      const { items, hasMore } = await webhookDeadLetters.listReplayable(request.query.limit ?? LIMIT_DEFAULT)
      let replayed = 0
      for (const { webhook_id } of items) {
        await webhookDeadLetters.replay(webhook_id).then(
          () => (replayed += 1),
          (error: unknown) => {
            if (!isGone(error)) throw error
          },
        )
      }
      return { replayed, has_more: hasMore }
    })
  }
