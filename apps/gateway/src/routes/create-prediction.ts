import { PredictionOptions } from '@menagerie/contract/prediction'
import { PredictionRequestBody } from '@menagerie/contract/prediction-request'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError } from '@menagerie/contract/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { AppDeps, AppOptions } from '../app.ts'
import { createClientSignal } from '../client-signal.ts'
import { pictureBodyLength } from '../decode-base64.ts'
import { predictionPath } from '../job-view.ts'
import { describeValidation } from '../describe-validation.ts'
import { parsePreferWait } from '../prefer-wait.ts'
import { receiveInput } from '../receive-input.ts'
import { createReceiveJson, isJson } from '../receive-json.ts'
import { readSubmitHeaders, SUBMIT_HEADERS } from '../request-headers.ts'
import { isEnded } from '../record-reader.ts'
import { predictionResponse } from './prediction-response.ts'
import { problemResponses } from './problem-responses.ts'
import { KEY_CODES, UPLOAD_CODES, uploadBody } from './upload-body.ts'

const waitedResponse = (description: string) =>
  predictionResponse(description, {
    'preference-applied': Type.String({ description: 'The wait that was granted, when one was asked for' }),
  })

const schema = {
  tags: ['predictions'],
  summary: 'Ask for a prediction',
  description:
    'Send a picture as a file in a form, with the options as fields beside it, or as the body itself with the ' +
    'options in the query; or as JSON, with a data URL or (where the server has `URL_INPUTS=1`) an https URL. `Prefer: wait=n` waits up to n seconds (at most 60) for the end.',
  querystring: PredictionOptions,
  headers: Type.Object({
    prefer: Type.Optional(
      Type.String({ description: '`wait=n` or `respond-async` (RFC 7240)', examples: ['wait=10'] }),
    ),
    ...SUBMIT_HEADERS,
  }),
  response: {
    200: waitedResponse('Finished within the wait that was asked for'),
    202: waitedResponse('Accepted: the prediction is in the queue and will not be lost'),
    ...problemResponses(
      ...UPLOAD_CODES,
      ...KEY_CODES,
      'model_not_found',
      'webhook_refused',
      'url_inputs_disabled',
      'url_refused',
      'url_unreachable',
      'webhooks_disabled',
    ),
  },
}

/**
 * The options of a request: form fields go before the query, and are checked and converted by the same schema.
 * Merged first, because checking fills in defaults.
 */
const parseOptions = (request: FastifyRequest, fields: Record<string, string>): PredictionOptions => {
  const options: Record<string, unknown> = { ...(request.query as PredictionOptions), ...fields }
  const validate = request.compileValidationSchema(PredictionOptions, 'querystring')
  if (validate(options)) return options
  throw new AppError('request_invalid', describeValidation('form field', validate.errors ?? []))
}

/** `POST /v1/predictions` */
export const createPredictionRoute =
  (deps: AppDeps, options: AppOptions): FastifyPluginAsyncTypebox =>
  async (app) => {
    // Its size is counted where it is received.
    app.addContentTypeParser('application/json', (_request, payload, done) => done(null, payload))
    const receiveJson = createReceiveJson(deps, options)

    /** The picture and the options, from whichever kind of body. */
    const receive = async (request: FastifyRequest, reply: FastifyReply, signal: AbortSignal) => {
      if (isJson(request)) {
        const received = await receiveJson(request, reply, signal)
        return { ...received, options: { ...(request.query as PredictionOptions), ...received.options } }
      }
      const { upload, fields } = await receiveInput(request, options.uploadBytesMax)
      return { upload, options: parseOptions(request, fields) }
    }

    const documentedBody = {
      ...uploadBody(PredictionOptions.properties),
      'application/json': { schema: PredictionRequestBody },
    }
    app.post(
      '/v1/predictions',
      {
        schema,
        config: { admits: true, bodyBytesMax: pictureBodyLength(options.uploadBytesMax), documentedBody },
      },
      async (request, reply) => {
        const signal = createClientSignal(reply)
        const received = await receive(request, reply, signal)
        const baseUrl = deps.baseUrl(request)
        const waitSeconds = parsePreferWait(request.headers.prefer)
        if (waitSeconds !== null) reply.header('preference-applied', `wait=${waitSeconds}`)
        const read = await deps.submit(
          {
            tenant: request.tenant,
            onAccepted: request.releaseUpload,
            ...received,
            ...readSubmitHeaders(request.headers),
            baseUrl,
            trace: request.span.context,
          },
          { timeoutMs: (waitSeconds ?? 0) * 1000, signal },
        )
        request.notePrediction(read.record)
        reply
          .code(isEnded(read) && waitSeconds !== null ? 200 : 202)
          .header('location', predictionPath(read.record.id))
        return deps.viewPrediction(read, baseUrl)
      },
    )
  }
