import { AppError } from '@menagerie/contract/errors'
import { findUrlFault } from '../outbound/find-url-fault.ts'

/** @throws AppError `webhook_refused`, `webhooks_disabled` */
export type WebhookUrlPolicy = (url: string) => void

/**
 * Whether a URL may be asked for as a webhook. Names are resolved and checked again when the webhook is sent; this
 * refuses early what can be seen from the text alone.
 */
export const createWebhookUrlPolicy =
  (options: { hasSecret: boolean; isPrivateAllowed: boolean }): WebhookUrlPolicy =>
  (text) => {
    if (!options.hasSecret) {
      throw new AppError('webhooks_disabled', 'this server has no WEBHOOK_SECRET to sign webhooks with')
    }
    const fault = findUrlFault(text, options)
    if (fault !== null) throw new AppError('webhook_refused', `the webhook URL ${fault}`)
  }
