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
    /** Notes which prediction it is about, for its span and for all lines of the log from here on. */
    notePrediction(record: Pick<JobRecord, 'id' | 'data'>): void
  }
}

// Asked every few seconds by whoever watches over the process.
const UNTRACED = new Set<string | undefined>(['/livez', '/readyz', '/metrics'])

const addToLog = (request: FastifyRequest, reply: FastifyReply, fields: object): void => {
  if (Object.keys(fields).length === 0) return
  request.log = request.log.child(fields)
  reply.log = request.log
}

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

/** A span per request, continuing the trace of its `traceparent`, and its ids in all lines of the log about it. */
export const traceRequests = fp<{ tracer: Tracer }>(
  (app, { tracer }, done) => {
    app.decorateRequest('span')
    app.decorateRequest('notePrediction')
    app.addHook('onRequest', async (request, reply) => {
      request.span = startSpan(UNTRACED.has(request.routeOptions.url) ? NO_TRACING : tracer, request)
      const id = readNamedId(request)
      if (id !== null) request.span.set({ 'menagerie.prediction.id': id })
      addToLog(request, reply, { ...request.span.ids, ...(id === null ? {} : { predictionId: id }) })
      request.notePrediction = ({ id, data }) => {
        request.span.set(predictionAttributes(id, data.model))
        addToLog(request, reply, { predictionId: id })
      }
    })
    app.addHook('onResponse', async (request, reply) => endSpan(request, reply))
    done()
  },
  { name: 'trace-requests' },
)
