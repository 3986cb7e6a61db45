import {
  createTraceState,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Link,
  type Span as OtelSpan,
  type SpanContext,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import type { TraceContext } from '@menagerie/contract/trace-context'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { createSampler } from './create-sampler.ts'
import { reportOutages } from './report-outages.ts'
import { createSpanClock } from './span-clock.ts'
import type { TracingConfig } from './settings.ts'
import { formatTraceparent, parseTraceparent } from './trace-context.ts'
import type { Span, SpanOptions, Tracer } from './tracer.ts'

const EXPORT_INTERVAL_MS = 1000
// Of one export, with its retries.
const EXPORT_TIMEOUT_MS = 10_000
// At the end. What a dead collector has not taken by then it never will.
const CLOSE_MAX_MS = 3000

const ATTRIBUTE_LENGTH_MAX = 1024

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const

const readContext = (context: TraceContext | undefined, isRemote: boolean): SpanContext | null => {
  const parent = context === undefined ? null : parseTraceparent(context.traceparent)
  if (context === undefined || parent === null) return null
  const { traceId, spanId, flags } = parent
  const { tracestate } = context
  return {
    traceId,
    spanId,
    traceFlags: flags,
    isRemote,
    ...(tracestate === undefined ? {} : { traceState: createTraceState(tracestate) }),
  }
}

/** These two begin with what came from elsewhere; everything else with a span of this process. */
const isEntry = ({ kind }: SpanOptions): boolean => kind === 'server' || kind === 'consumer'

const readParent = (options: SpanOptions): Context => {
  const parent = readContext(options.parent, isEntry(options))
  return parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent)
}

const readLinks = ({ links = [] }: SpanOptions): Link[] =>
  links
    .map((link) => readContext(link, true))
    .filter((context) => context !== null)
    .map((context) => ({ context }))

const writeContext = (span: OtelSpan): TraceContext => {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext()
  const tracestate = traceState?.serialize() ?? ''
  return {
    traceparent: formatTraceparent({ traceId, spanId, flags: traceFlags }),
    ...(tracestate === '' ? {} : { tracestate }),
  }
}

const wrapSpan = (span: OtelSpan, toEpochMs: (moment: number) => number): Span => {
  const { traceId, spanId } = span.spanContext()
  return {
    context: writeContext(span),
    ids: { trace_id: traceId, span_id: spanId },
    set: (attributes) => void span.setAttributes(attributes),
    fail(type) {
      span.setAttribute('error.type', type)
      span.setStatus({ code: SpanStatusCode.ERROR })
    },
    end: (endedAt = performance.now()) => span.end(toEpochMs(endedAt)),
  }
}

/**
 * Spans by OpenTelemetry's SDK, which sends them in the background. Nothing waits for it: what a collector does not take is
 * dropped, first from memory (2,048 spans), then after the retries of one export.
 */
export const createOtelTracer = (config: TracingConfig, log: Logger): Tracer => {
  const { endpoint, headers, attributes } = config
  const exporter = new OTLPTraceExporter({
    url: `${endpoint}/v1/traces`,
    headers,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  })
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({ 'service.instance.id': randomUUID(), ...attributes }),
    ),
    sampler: createSampler(config),
    // A path may have 16 kB.
    spanLimits: { attributeValueLengthLimit: ATTRIBUTE_LENGTH_MAX },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: reportOutages(exporter, log),
        scheduledDelayMillis: EXPORT_INTERVAL_MS,
      }),
    ],
  })
  const tracer = provider.getTracer('menagerie')

  const clock = createSpanClock()

  return {
    start(name, options) {
      if (isEntry(options)) clock.sync()
      const { kind, attributes = {}, startedAt = performance.now() } = options
      const span = tracer.startSpan(
        name,
        {
          kind: kind === undefined ? SpanKind.INTERNAL : KINDS[kind],
          attributes,
          links: readLinks(options),
          startTime: clock.at(startedAt),
        },
        readParent(options),
      )
      return wrapSpan(span, clock.at)
    },
    async close() {
      const isInTime = await Promise.race([
        // What could not be sent has been told of already.
        provider.shutdown().then(
          () => true,
          () => true,
        ),
        sleep(CLOSE_MAX_MS, false, { ref: false }),
      ])
      if (!isInTime) log.warn('the last traces were not sent in time')
    },
  }
}
