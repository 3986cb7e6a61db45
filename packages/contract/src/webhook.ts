import type { Prediction } from './prediction.ts'

export const EVENT_TYPES = ['prediction.started', 'prediction.completed'] as const

/** The body of a webhook: the envelope of Standard Webhooks 1.0 around the prediction as it was then. */
export interface WebhookEvent {
  type: (typeof EVENT_TYPES)[number]
  timestamp: string
  data: Prediction
}

/** A receiver need not take more than this (Standard Webhooks 1.0). */
export const WEBHOOK_BODY_BYTES_MAX = 20_000

/**
 * The same for every attempt of one delivery, so that a receiver can drop duplicates. Made from the submission, not
 * the prediction: an Idempotency-Key that is used again much later gives a new prediction with the old id.
 */
export const webhookId = (submissionId: string): string => `wh-${submissionId}`
export const startWebhookId = (submissionId: string): string => `wh-start-${submissionId}`
