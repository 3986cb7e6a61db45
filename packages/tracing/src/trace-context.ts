import { TraceContext } from '@menagerie/contract/trace-context'
import type { IncomingHttpHeaders } from 'node:http'
import Value from 'typebox/value'

export interface TraceParent {
  traceId: string
  spanId: string
  flags: number
}

const TRACEPARENT = /^([\da-f]{2})-((?!0{32})[\da-f]{32})-((?!0{16})[\da-f]{16})-([\da-f]{2})(-.*)?$/
// Sampled, and that the id is random: what else is there has no meaning yet.
const KNOWN_FLAGS = 0b11
// What W3C wants to be passed on at least. It is stored with each job.
const TRACESTATE_LENGTH_MAX = 512
const TRACESTATE = /^[\x20-\x7e]+$/

export const parseTraceparent = (text: string): TraceParent | null => {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(text) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return null
  // A later version may have more parts, which nobody here knows; this one has not.
  if (version === 'ff' || (version === '00' && more !== undefined)) return null
  return { traceId, spanId, flags: Number.parseInt(flags, 16) & KNOWN_FLAGS }
}

export const formatTraceparent = ({ traceId, spanId, flags }: TraceParent): string =>
  `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`

/** The trace that a request belongs to; undefined where its headers name none, or nothing that is one. */
export const readTraceHeaders = (headers: IncomingHttpHeaders): TraceContext | undefined => {
  const { traceparent, tracestate } = headers
  if (typeof traceparent !== 'string') return undefined
  const parent = parseTraceparent(traceparent)
  if (parent === null) return undefined
  const context: TraceContext = { traceparent: formatTraceparent(parent) }
  if (
    typeof tracestate === 'string' &&
    tracestate.length <= TRACESTATE_LENGTH_MAX &&
    TRACESTATE.test(tracestate)
  ) {
    context.tracestate = tracestate
  }
  return context
}

/** The trace that a job belongs to, whatever its data is. */
export const readJobTrace = (data: unknown): TraceContext | undefined => {
  const trace = (data as { trace?: unknown } | undefined)?.trace
  return Value.Check(TraceContext, trace) ? trace : undefined
}

/** Fields of a line in the log that belongs to a trace, by the names that OpenTelemetry gives them. */
export interface TraceIds {
  trace_id?: string
  span_id?: string
}

const NO_IDS: TraceIds = {}

/** Of what is done in a trace, but not in a span of this process. */
export const traceIdsOf = (context: TraceContext | undefined): TraceIds => {
  const parent = context === undefined ? null : parseTraceparent(context.traceparent)
  return parent === null ? NO_IDS : { trace_id: parent.traceId }
}
