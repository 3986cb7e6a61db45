import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { AppDeps } from '../app.ts'
import { createClientSignal } from '../client-signal.ts'
import { createEntityTag, isKnownStatus, isKnownTag } from '../entity-tag.ts'
import { WAIT_SECONDS_MAX } from '../prefer-wait.ts'
import { isEnded, type PredictionRead } from '../record-reader.ts'
import { requireOwned } from '../tenants/require-owned.ts'
import type { Listener, WaitOptions } from '../waits.ts'
import { PREDICTION_PARAMS } from './prediction-params.ts'
import { problemResponses } from './problem-responses.ts'
import { readOwned, type RequestAboutOne } from './read-owned.ts'

const CACHE_HEADERS = {
  etag: Type.String({ description: 'Changes with every byte of the body, the place in the queue included' }),
  'cache-control': Type.String({ description: '`private, no-cache`: keep it, but ask each time' }),
}

const schema = {
  tags: ['predictions'],
  summary: 'Read a prediction',
  description:
    'With `wait`, answers as soon as the prediction has ended, or with what is known when the time is up. With ' +
    '`If-None-Match` the answer is 304 while the prediction is as the client has it; together with `wait` it comes as ' +
    'soon as the status is another than that of the tag.',
  params: PREDICTION_PARAMS,
  querystring: Type.Object(
    {
      wait: Type.Optional(
        Type.Integer({ minimum: 0, maximum: WAIT_SECONDS_MAX, description: 'Seconds to wait' }),
      ),
    },
    { additionalProperties: false },
  ),
  headers: Type.Object({
    'if-none-match': Type.Optional(
      Type.String({
        description: 'The `ETag` of an earlier answer, or several of them',
        examples: ['W/"1"'],
      }),
    ),
  }),
  response: {
    200: {
      description: 'The prediction as it is now',
      headers: CACHE_HEADERS,
      content: { 'application/json': { schema: Type.Ref('Prediction') } },
    },
    304: { description: 'It is as the client has it', headers: CACHE_HEADERS, type: 'null' },
    ...problemResponses(
      'request_invalid',
      'api_key_invalid',
      'prediction_not_found',
      'internal_error',
      'queue_unavailable',
    ),
  },
}

interface NewsOptions extends WaitOptions {
  ifNoneMatch: string | undefined
}

/** Waits for what the client does not know yet: the end, or, when it names what it has, another status. */
const waitForNews = async (
  listener: Listener,
  first: PredictionRead,
  { ifNoneMatch, ...wait }: NewsOptions,
): Promise<PredictionRead | null> => {
  if (isEnded(first) || wait.timeoutMs === 0) return first
  if (ifNoneMatch === undefined) return listener.waitForEnd(first.record.data, wait)
  if (!isKnownStatus(ifNoneMatch, first.status)) return first
  return listener.waitUntil(({ status }) => status !== first.status, first.record.data, wait)
}

const readNews = async (
  deps: Pick<AppDeps, 'waits' | 'readPrediction'>,
  request: RequestAboutOne,
  options: NewsOptions,
): Promise<PredictionRead> => {
  // Listening begins before the first look, so that nothing falls between the two.
  const listener = deps.waits.listen(request.params.id)
  try {
    const first = await readOwned(deps, request)
    return requireOwned(request.tenant, await waitForNews(listener, first, options))
  } finally {
    listener.close()
  }
}

/** `GET /v1/predictions/{id}` */
export const getPredictionRoute =
  (deps: AppDeps): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get('/v1/predictions/:id', { schema }, async (request, reply) => {
      const ifNoneMatch = request.headers['if-none-match']
      const timeoutMs = (request.query.wait ?? 0) * 1000
      const options = { timeoutMs, ifNoneMatch, signal: createClientSignal(reply) }
      const read = await readNews(deps, request, options)
      const json = JSON.stringify(await deps.viewPrediction(read, deps.baseUrl(request)))
      const etag = createEntityTag(read.status, json)
      reply.headers({ etag, 'cache-control': 'private, no-cache' })
      if (ifNoneMatch !== undefined && isKnownTag(ifNoneMatch, etag)) return reply.code(304).send()
      return reply.type('application/json').serializer(String).send(json)
    })
  }
