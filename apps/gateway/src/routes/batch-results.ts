import { BATCH_ITEMS_MAX } from '@menagerie/contract/batch'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { Readable } from 'node:stream'
import Type from 'typebox'
import type { AppDeps } from '../app.ts'
import { streamResults } from '../batches/stream-results.ts'
import { createClientSignal } from '../client-signal.ts'
import { readOwnedBatch } from './batch-params.ts'
import { PREDICTION_PARAMS } from './prediction-params.ts'
import { problemResponses } from './problem-responses.ts'

const schema = {
  tags: ['batches'],
  summary: 'Read the results of a batch, while it runs',
  description:
    'One line of JSON (`BatchResult`) for each item, in order, as soon as it and all before it have ended; the stream ends ' +
    'after the last. One that ends sooner was broken off, by a gateway that stops or a proxy: go on with `after`, the ' +
    '`index` of the last line that you have. To leave stops nothing. An item whose entry of the archive cannot be read has ' +
    'failed with `archive_entry_invalid`.',
  params: PREDICTION_PARAMS,
  querystring: Type.Object(
    {
      after: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: BATCH_ITEMS_MAX,
          description: '`index` of the last line that was received',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  response: {
    200: {
      description: 'Lines of JSON, each a BatchResult',
      // Of each line.
      content: { 'application/x-ndjson': { schema: Type.Unsafe<Readable>(Type.Ref('BatchResult')) } },
    },
    ...problemResponses(
      'request_invalid',
      'api_key_invalid',
      'batch_not_found',
      'internal_error',
      'queue_unavailable',
    ),
  },
}

/** The first line may be long in coming, and Node keeps the headers back until then: the client would think it is not served. */
async function* flushFirst(reply: FastifyReply, lines: AsyncIterable<string>): AsyncGenerator<string> {
  reply.raw.flushHeaders()
  yield* lines
}

/** `GET /v1/batches/{id}/results` */
export const batchResultsRoute =
  (deps: AppDeps): FastifyPluginAsyncTypebox =>
  async (app) => {
    // HEAD would follow the batch to its end.
    app.get('/v1/batches/:id/results', { schema, exposeHeadRoute: false }, async (request, reply) => {
      const { after } = request.query
      const { batch } = await readOwnedBatch(deps, request)
      const { viewResult } = deps.batchViewer
      const lines = streamResults({ reader: deps.batches.reader, waits: deps.waits, viewResult }, batch, {
        from: after === undefined ? 0 : after + 1,
        baseUrl: deps.baseUrl(request),
        signal: createClientSignal(reply),
      })
      return reply
        .type('application/x-ndjson')
        .headers({
          'cache-control': 'no-store',
          // nginx would collect lines before it passes them on.
          'x-accel-buffering': 'no',
          // The stream is all there is to this connection.
          connection: 'close',
        })
        .send(Readable.from(flushFirst(reply, lines)))
    })
  }
