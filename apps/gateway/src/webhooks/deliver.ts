import type { DeliveryAttempt } from '@menagerie/contract/delivery'
import type { TraceContext } from '@menagerie/contract/trace-context'
import { coerceError } from '@menagerie/shared/coerce-error'
import type { Span, Tracer } from '@menagerie/tracing/tracer'
import { Webhook } from 'standardwebhooks'
import { request, type Dispatcher } from 'undici'
import { parseRetryAfterMs } from './retry-after.ts'

export interface WebhookRequest {
  url: string
  /** The same for every attempt. */
  id: string
  body: string
  /** All of them sign, so that a receiver can change from one to the next. */
  secrets: readonly string[]
  /** In the course of what it is delivered. */
  trace: TraceContext | undefined
}

export interface DeliveryOutcome {
  attempt: DeliveryAttempt
  /** How long the receiver asks to be left alone, ms. */
  retryAfterMs: number
}

interface Answer {
  status: number
  retryAfterMs: number
}

const PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 }
const ANSWER_BYTES_MAX = 16 * 1024

/** What undici and the system call it, by its name for receivers. */
const NAMES: Readonly<Record<string, string>> = {
  TimeoutError: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  ETIMEDOUT: 'timeout',
  PrivateAddressError: 'private_address',
}

const nameError = (thrown: unknown): string => {
  const error = coerceError(thrown)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return NAMES[error.name] ?? NAMES[code] ?? (code === '' ? error.name : code)
}

/** `webhook-signature` of Standard Webhooks 1.0: one signature per secret, with spaces between. */
const signAll = ({ secrets, id, body }: WebhookRequest, sentAt: Date): string =>
  secrets.map((secret) => new Webhook(secret).sign(id, sentAt, body)).join(' ')

/** One attempt to deliver a webhook; resolves with what came of it, whatever that is. Redirects are not followed. */
export const createDeliver = (
  deps: { agent: Dispatcher; tracer: Tracer },
  options: { timeoutMs: number; userAgent: string },
) => {
  const post = async (
    webhook: WebhookRequest,
    sentAt: Date,
    trace: TraceContext | undefined,
  ): Promise<Answer> => {
    const answer = await request(webhook.url, {
      dispatcher: deps.agent,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': options.userAgent,
        'webhook-id': webhook.id,
        'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
        'webhook-signature': signAll(webhook, sentAt),
        ...trace,
      },
      body: webhook.body,
      signal: AbortSignal.timeout(options.timeoutMs),
    })
    // The status says it all; read is the rest only so that the connection can be used again.
    await answer.body.dump({ limit: ANSWER_BYTES_MAX }).catch(() => undefined)
    return {
      status: answer.statusCode,
      retryAfterMs: parseRetryAfterMs(answer.headers['retry-after'], Date.now()),
    }
  }

  /** Of its URL only whom it names: the rest may be a secret between the receiver and its client. */
  const startSpan = ({ url, trace }: WebhookRequest): Span => {
    const { protocol, hostname, port } = new URL(url)
    const scheme = protocol.slice(0, -1)
    return deps.tracer.start('POST', {
      kind: 'client',
      parent: trace,
      attributes: {
        'http.request.method': 'POST',
        'url.scheme': scheme,
        'server.address': hostname,
        'server.port': port === '' ? (PORTS[scheme] ?? 0) : Number(port),
      },
    })
  }

  return async (webhook: WebhookRequest): Promise<DeliveryOutcome> => {
    const sentAt = new Date()
    const startedAt = performance.now()
    const span = startSpan(webhook)
    const describe = (http_status: number | null, error: string | null): DeliveryAttempt => ({
      at: sentAt.toISOString(),
      http_status,
      error,
      duration_ms: Math.round(performance.now() - startedAt),
    })
    try {
      const { status, retryAfterMs } = await post(webhook, sentAt, span.context)
      span.set({ 'http.response.status_code': status })
      if (!isSuccess(status)) span.fail(String(status))
      return { attempt: describe(status, null), retryAfterMs }
    } catch (error) {
      const name = nameError(error)
      span.fail(name)
      return { attempt: describe(null, name), retryAfterMs: 0 }
    } finally {
      span.end()
    }
  }
}
export type Deliver = ReturnType<typeof createDeliver>

const isSuccess = (status: number): boolean => status >= 200 && status <= 299

export const isDelivered = ({ http_status }: DeliveryAttempt): boolean =>
  http_status !== null && isSuccess(http_status)
