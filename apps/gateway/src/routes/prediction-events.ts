import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Readable } from 'node:stream'
import Type from 'typebox'
import type { AppDeps } from '../app.ts'
import { createClientSignal } from '../client-signal.ts'
import { streamEvents } from '../event-stream.ts'
import { listStatusChanges } from '../status-history.ts'
import { isEnded } from '../record-reader.ts'
import { PREDICTION_PARAMS } from './prediction-params.ts'
import { problemResponses } from './problem-responses.ts'
import { readOwned } from './read-owned.ts'

const schema = {
  tags: ['predictions'],
  summary: 'Follow a prediction',
  description:
    'Server-sent events: one per status that the prediction has reached or reaches, with the status as the name of ' +
    'the event and the Prediction as it was then as its data (`queue` only while it is the current one). The stream ' +
    'begins with those of the past, and ends after the terminal one. Ids are the same at every gateway: who comes ' +
    'again with `Last-Event-ID`, as browsers do, misses nothing and gets nothing twice. While it is queued, events named ' +
    '`position`, without an id, tell its `queue` when that has changed, every 5 seconds at most.',
  params: PREDICTION_PARAMS,
  headers: Type.Object({
    'last-event-id': Type.Optional(
      Type.String({ description: 'Id of the last event that was received', examples: ['1'] }),
    ),
  }),
  response: {
    200: {
      description:
        'Events `queued`, `position`, `processing`, and one of `succeeded`, `failed`, `canceled`, `expired`',
      content: { 'text/event-stream': { schema: Type.String() } },
    },
    204: { description: 'There will be no more events; browsers do not come again', type: 'null' },
    ...problemResponses(
      'request_invalid',
      'api_key_invalid',
      'prediction_not_found',
      'internal_error',
      'queue_unavailable',
    ),
  },
}

/** The number of the last event that the client has; 0 when it has none, or says something else. */
const readSeen = (lastEventId: string | undefined): number =>
  /^\d$/.test(lastEventId ?? '') ? Number(lastEventId) : 0

/** `GET /v1/predictions/{id}/events` */
export const predictionEventsRoute =
  (deps: AppDeps): FastifyPluginAsyncTypebox =>
  async (app) => {
    // HEAD would follow the prediction to its end.
    app.get('/v1/predictions/:id/events', { schema, exposeHeadRoute: false }, async (request, reply) => {
      const { id } = request.params
      const seen = readSeen(request.headers['last-event-id'])
      const signal = createClientSignal(reply)
      const listener = deps.waits.listen(id, 'events')
      reply.raw.once('close', () => listener.close())
      const read = await readOwned(deps, request)
      const last = listStatusChanges(read).at(-1)?.number ?? 0
      if (isEnded(read) && seen >= last) return reply.code(204).send()

      const baseUrl = deps.baseUrl(request)
      const view = (then: typeof read) => deps.viewPrediction(then, baseUrl)
      const events = streamEvents({ waits: deps.waits, listener, view }, read, { seen, signal })
      return reply
        .type('text/event-stream')
        .headers({
          'cache-control': 'no-store',
          // nginx would collect events before it passes them on.
          'x-accel-buffering': 'no',
          // The stream is all there is to this connection.
          connection: 'close',
        })
        .send(Readable.from(events))
    })
  }
