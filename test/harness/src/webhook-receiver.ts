import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'

export const WEBHOOK_SECRET = `whsec_${Buffer.from('a secret of 32 bytes for testing').toString('base64')}`

export interface ReceivedWebhook {
  id: string
  body: string
  event: { type: string; timestamp: string; data: Record<string, unknown> }
  isSignatureValid: boolean
  /** `traceparent`, if it had one. */
  traceparent: string | undefined
}

/** Makes what came in of a request with this body, which may or may not be signed with the secret. */
export const createWebhookReader = (secret = WEBHOOK_SECRET) => {
  const verifier = new Webhook(secret)
  const isSigned = (body: string, { headers }: IncomingMessage): boolean => {
    try {
      verifier.verify(body, headers as Record<string, string>)
      return true
    } catch {
      return false
    }
  }
  return (request: IncomingMessage, body: string): ReceivedWebhook => ({
    id: String(request.headers['webhook-id']),
    body,
    event: JSON.parse(body) as ReceivedWebhook['event'],
    isSignatureValid: isSigned(body, request),
    traceparent: [request.headers['traceparent'] ?? []].flat()[0],
  })
}

/** A real HTTP server that takes webhooks and checks their signatures; `answer` decides the status per attempt. */
export const startWebhookReceiver = async (
  options: { answer?: (attempt: number) => number; secret?: string } = {},
) => {
  const received: ReceivedWebhook[] = []
  const readWebhook = createWebhookReader(options.secret)
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    received.push(readWebhook(request, await text(request)))
    response.writeHead(options.answer?.(received.length) ?? 200).end()
  }
  // A sender that goes away in the middle is the sender's business.
  const server = createServer((request, response) => void receive(request, response).catch(() => undefined))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
