import type { JobRecord } from '@menagerie/contract/job-record'
import { predictionAttributes } from '@menagerie/tracing/message-span'
import { NO_TRACING } from '@menagerie/tracing/no-tracing'
import { readTraceHeaders } from '@menagerie/tracing/trace-context'
import type { Span, Tracer } from '@menagerie/tracing/tracer'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { isPredictionId } from '../prediction-id.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** What is done for it is done in the course of this. */
    span: Span
    /** Which prediction it names or has made, for the log; null: none. */
    predictionId: string | null
    /** Notes which prediction it has made, for its span and the log. */
    notePrediction(record: Pick<JobRecord, 'id' | 'data'>): void
  }
}

// Asked every few seconds by whoever watches over the process.
const UNTRACED = new Set<string | undefined>(['/livez', '/readyz', '/metrics'])

/** By its path; a batch has an id of another kind. */
const readNamedId = ({ routeOptions: { url = '' }, params }: FastifyRequest): string | null => {
  if (!/^\/v1\/(?:predictions|dead-letter)\/:id/.test(url)) return null
  const { id } = params as { id: string }
  return isPredictionId(id) ? id : null
}

const startSpan = (tracer: Tracer, request: FastifyRequest): Span => {
  const { method, protocol, raw } = request
  const { url: route } = request.routeOptions
  return tracer.start(route === undefined ? method : `${method} ${route}`, {
    kind: 'server',
    parent: readTraceHeaders(request.headers),
    attributes: {
      'http.request.method': method,
      'url.scheme': protocol,
      'url.path': request.url.split('?', 1)[0] ?? '',
      'network.protocol.version': raw.httpVersion,
      ...(route === undefined ? {} : { 'http.route': route }),
    },
  })
}

const endSpan = ({ span }: FastifyRequest, { raw, statusCode }: FastifyReply): void => {
  // Who goes away before gets no status.
  if (raw.headersSent) {
    span.set({ 'http.response.status_code': statusCode })
    // What the server refuses is the client's error, not its own.
    if (statusCode >= 500) span.fail(String(statusCode))
  }
  span.end()
}

/** The field of a line in the log about it. */
export const logPrediction = ({ predictionId }: FastifyRequest): { predictionId?: string } =>
  predictionId === null ? {} : { predictionId }

/** A span per request, continuing the trace of its `traceparent`, and its ids in all lines of the log about it. */
export const traceRequests = fp<{ tracer: Tracer }>(
  (app, { tracer }, done) => {
    app.decorateRequest('span')
    app.decorateRequest('predictionId', null)
    // No function for each request: thousands wait at the same time.
    app.decorateRequest('notePrediction', function notePrediction(this: FastifyRequest, { id, data }) {
      this.predictionId = id
      this.span.set(predictionAttributes(id, data.model))
    })
    app.addHook('onRequest', async (request, reply) => {
      const span = startSpan(UNTRACED.has(request.routeOptions.url) ? NO_TRACING : tracer, request)
      request.span = span
      request.predictionId = readNamedId(request)
      if (request.predictionId !== null) span.set({ 'menagerie.prediction.id': request.predictionId })
      if (span.context === undefined) return
      request.log = request.log.child(span.ids)
      reply.log = request.log
      // Not onResponse, which nobody calls when the client leaves before its answer. No listener for each where tracing is off.
      if (tracer !== NO_TRACING) reply.raw.once('close', () => endSpan(request, reply))
    })
    done()
  },
  { name: 'trace-requests' },
)
