import { AppError } from '@menagerie/contract/errors'
import { isPublicAddress } from './public-address.ts'

/** @throws AppError `webhook_refused`, `webhooks_disabled` */
export type WebhookUrlPolicy = (url: string, tenantId: string) => void

/**
 * Whether a URL may be asked for as a webhook. Names are resolved and checked again when the webhook is sent; this
 * refuses early what can be seen from the text alone.
 */
export const createWebhookUrlPolicy = (options: {
  secretsOf: (tenantId: string) => readonly string[]
  isPrivateAllowed: boolean
}): WebhookUrlPolicy => {
  const refuse = (why: string): never => {
    throw new AppError('webhook_refused', `the webhook URL ${why}`)
  }
  return (text, tenantId) => {
    if (options.secretsOf(tenantId).length === 0) {
      throw new AppError('webhooks_disabled', 'this server has no WEBHOOK_SECRET to sign webhooks with')
    }
    if (!URL.canParse(text)) return refuse('is not a URL')
    const url = new URL(text)
    if (url.username !== '' || url.password !== '') return refuse('must not carry a user name or password')
    if (options.isPrivateAllowed) {
      return url.protocol === 'https:' || url.protocol === 'http:'
        ? undefined
        : refuse('must be http or https')
    }
    if (url.protocol !== 'https:') return refuse('must be https')
    // URL has turned every spelling of an IPv4 address (hex, octal, one number) into the dotted one.
    if (!isPublicAddress(url.hostname)) return refuse('must not point to a private address')
    return undefined
  }
}
