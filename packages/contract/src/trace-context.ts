import Type, { type Static } from 'typebox'

/**
 * Where in a trace something was asked for, by the headers of W3C Trace Context: what is done of it later, also by another
 * process, belongs there.
 */
export const TraceContext = Type.Object({
  traceparent: Type.String(),
  tracestate: Type.Optional(Type.String()),
})
export type TraceContext = Static<typeof TraceContext>
