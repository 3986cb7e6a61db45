import type { Prediction } from './prediction.ts'

/** The body of a webhook: the envelope of Standard Webhooks 1.0 around the finished prediction. */
export interface WebhookEvent {
  type: 'prediction.completed'
  timestamp: string
  data: Prediction
}

/** The same for every attempt of one delivery, so that a receiver can drop duplicates. */
export const webhookId = (predictionId: string): string => `wh-${predictionId}`
