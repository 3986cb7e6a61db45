import type { Prediction } from './prediction.ts'

/** The body of a webhook: the envelope of Standard Webhooks 1.0 around the finished prediction. */
export interface WebhookEvent {
  type: 'prediction.completed'
  timestamp: string
  data: Prediction
}

/**
 * The same for every attempt of one delivery, so that a receiver can drop duplicates. Made from the submission, not
 * the prediction: an Idempotency-Key that is used again much later gives a new prediction with the old id.
 */
export const webhookId = (submissionId: string): string => `wh-${submissionId}`
