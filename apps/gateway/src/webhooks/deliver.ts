import { Webhook } from 'standardwebhooks'
import { request, type Dispatcher } from 'undici'

export interface Delivery {
  url: string
  /** The same for every attempt. */
  id: string
  body: string
}

const ANSWER_BYTES_MAX = 16 * 1024

/**
 * One attempt to deliver a webhook, signed as Standard Webhooks 1.0 says: `webhook-id`, `webhook-timestamp`, and
 * HMAC-SHA256 over `id.timestamp.body`. Redirects are not followed.
 *
 * @throws Error when the receiver cannot be reached, is too slow, or does not answer 2xx
 */
export const createDeliver =
  (deps: { agent: Dispatcher; secret: string }, options: { timeoutMs: number; userAgent: string }) =>
  async ({ url, id, body }: Delivery): Promise<void> => {
    const sentAt = new Date()
    const signature = new Webhook(deps.secret).sign(id, sentAt, body)
    const answer = await request(url, {
      dispatcher: deps.agent,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': options.userAgent,
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
        'webhook-signature': signature,
      },
      body,
      signal: AbortSignal.timeout(options.timeoutMs),
    })
    await answer.body.dump({ limit: ANSWER_BYTES_MAX })
    if (answer.statusCode < 200 || answer.statusCode > 299) {
      throw new Error(`the receiver answered ${answer.statusCode}`)
    }
  }
export type Deliver = ReturnType<typeof createDeliver>
