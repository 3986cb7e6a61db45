import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'

type OtlpValue = Partial<Record<'stringValue' | 'intValue' | 'doubleValue' | 'boolValue', unknown>>
type OtlpAttributes = Array<{ key: string; value: OtlpValue }>

interface OtlpSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  traceState?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes?: OtlpAttributes
  links?: Array<{ traceId: string; spanId: string }>
  status?: { code?: number }
}

interface OtlpRequest {
  resourceSpans: Array<{
    resource: { attributes: OtlpAttributes }
    scopeSpans: Array<{ spans: OtlpSpan[] }>
  }>
}

export interface ReceivedSpan {
  traceId: string
  spanId: string
  /** null: it begins its trace. */
  parentId: string | null
  traceState: string
  name: string
  kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  /** `service.name` of its process. */
  service: string
  /** Which process it is. */
  instance: string
  attributes: Record<string, unknown>
  links: string[]
  isError: boolean
  startNs: bigint
  endNs: bigint
}

const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const
const STATUS_ERROR = 2

const readAttributes = (attributes: OtlpAttributes = []): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

const readSpan = (span: OtlpSpan, process: Record<string, unknown>): ReceivedSpan => ({
  traceId: span.traceId,
  spanId: span.spanId,
  parentId: span.parentSpanId ?? null,
  traceState: span.traceState ?? '',
  name: span.name,
  kind: KINDS[span.kind] ?? 'internal',
  service: String(process['service.name']),
  instance: String(process['service.instance.id']),
  attributes: readAttributes(span.attributes),
  links: (span.links ?? []).map(({ spanId }) => spanId),
  isError: span.status?.code === STATUS_ERROR,
  startNs: BigInt(span.startTimeUnixNano),
  endNs: BigInt(span.endTimeUnixNano),
})

const readSpans = ({ resourceSpans }: OtlpRequest): ReceivedSpan[] =>
  resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const process = readAttributes(resource.attributes)
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => readSpan(span, process)))
  })

/** A real OTLP collector: takes spans over HTTP as JSON. `answer` decides the status; null: it never answers. */
export const startOtlpReceiver = async (options: { answer?: () => number | null } = {}) => {
  const spans: ReceivedSpan[] = []
  const requests: Array<Pick<IncomingMessage, 'url' | 'headers'>> = []
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { url, headers } = request
    const received = readSpans((await json(request)) as OtlpRequest)
    const status = options.answer === undefined ? 200 : options.answer()
    requests.push({ url, headers })
    if (status === 200) spans.push(...received)
    if (status !== null) response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  }
  const server = createServer((request, response) => void receive(request, response).catch(() => undefined))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    /** Of those that were taken. */
    spans,
    requests,
    /** The first span with this name, of a certain trace if one is named. */
    find: (name: string, traceId?: string): ReceivedSpan | undefined =>
      spans.find((span) => span.name === name && (traceId === undefined || span.traceId === traceId)),
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
