import { AppError } from '@menagerie/contract/errors'
import { findUrlFault } from '../outbound/find-url-fault.ts'

/** @throws AppError `webhook_refused`, `webhooks_disabled` */
export type WebhookUrlPolicy = (url: string, tenantId: string) => void

/**
 * Whether a URL may be asked for as a webhook. Names are resolved and checked again when the webhook is sent; this
 * refuses early what can be seen from the text alone.
 */
export const createWebhookUrlPolicy =
  (options: {
    secretsOf: (tenantId: string) => readonly string[]
    isPrivateAllowed: boolean
  }): WebhookUrlPolicy =>
  (text, tenantId) => {
    if (options.secretsOf(tenantId).length === 0) {
      throw new AppError('webhooks_disabled', 'this server has no WEBHOOK_SECRET to sign webhooks with')
    }
    const fault = findUrlFault(text, options)
    if (fault !== null) throw new AppError('webhook_refused', `the webhook URL ${fault}`)
  }
