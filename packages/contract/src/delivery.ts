import Type, { type Static } from 'typebox'
import { EVENT_TYPES } from './webhook.ts'

/** One attempt to deliver a webhook. */
export const DeliveryAttempt = Type.Object({
  at: Type.String({ format: 'date-time', description: 'When it began' }),
  http_status: Type.Union([Type.Integer(), Type.Null()], {
    description: 'What the receiver answered; null: it did not',
  }),
  error: Type.Union([Type.String(), Type.Null()], {
    description:
      'Why there was no answer: `timeout`, `private_address`, `host_down` (not tried, because the host answered nobody), ' +
      '`no_secret` (not tried, because the operator has set none to sign it with), or a code of the network such as `ECONNREFUSED`',
    examples: ['timeout'],
  }),
  duration_ms: Type.Integer(),
})
export type DeliveryAttempt = Static<typeof DeliveryAttempt>

const DELIVERY_EXAMPLE = {
  n: 1,
  webhook_id: 'wh-0199f5c3-7a1e-8b42-9c3d-5e6f70819a2b',
  event: 'prediction.completed',
  status: 'pending',
  attempts: [{ at: '2026-03-01T12:00:01.000Z', http_status: 502, error: null, duration_ms: 41 }],
  next_attempt_at: '2026-03-01T12:00:06.000Z',
}

/** One webhook of a prediction, and what became of it so far. */
export const Delivery = Type.Object(
  {
    n: Type.Integer({
      minimum: 1,
      description: 'Names it among those of its prediction, and stays the same',
    }),
    webhook_id: Type.String({ description: 'The `webhook-id` that every attempt carries' }),
    event: Type.Enum([...EVENT_TYPES]),
    status: Type.Enum(['pending', 'delivered', 'failed']),
    attempts: Type.Array(DeliveryAttempt, { description: 'Oldest first; of very many the last ones' }),
    next_attempt_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'null: at once, when the prediction has ended, or never',
    }),
  },
  { $id: 'Delivery', examples: [DELIVERY_EXAMPLE] },
)
export type Delivery = Static<typeof Delivery>

/** A webhook that was given up, as operators see it. */
export const WebhookDeadLetter = Type.Object(
  {
    webhook_id: Type.String(),
    prediction_id: Type.String({ description: 'Of a batch its id' }),
    event: Type.Enum([...EVENT_TYPES, 'batch.completed']),
    host: Type.String({ description: 'Of the receiver; the rest of its URL may be a secret' }),
    attempts: Type.Integer({ description: 'How often it was tried since it was last asked for' }),
    reason: Type.String(),
    failed_at: Type.String({ format: 'date-time' }),
  },
  {
    $id: 'WebhookDeadLetter',
    examples: [
      {
        webhook_id: 'wh-0199f5c3-7a1e-8b42-9c3d-5e6f70819a2b',
        prediction_id: '0199f5c3-7a1e-8b42-9c3d-5e6f70819a2b',
        event: 'prediction.completed',
        host: 'example.com',
        attempts: 7,
        reason: 'the receiver answered 502',
        failed_at: '2026-03-01T20:00:00.000Z',
      },
    ],
  },
)
export type WebhookDeadLetter = Static<typeof WebhookDeadLetter>
