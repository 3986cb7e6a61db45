import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { AppDeps, AppOptions } from '../../app.ts'
import {
  beginError,
  createErrorHandler,
  createNotFoundHandler,
  type SendError,
} from '../../plugins/error-handler.ts'
import { inferRoutes } from './infer.ts'
import { metadataRoutes } from './metadata.ts'

export const sendInferenceError: SendError = (reply, code, error, cause) =>
  beginError(reply, code, cause).type('application/json').send({ error })

/** The Open Inference Protocol (KServe's and Triton's V2) over HTTP, to be registered under `/v2`. */
export const v2Routes =
  (deps: AppDeps, options: AppOptions): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.setErrorHandler(createErrorHandler(sendInferenceError))
    app.setNotFoundHandler(createNotFoundHandler(sendInferenceError))
    // Triton's clients do not say what their body is.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    await app.register(metadataRoutes(deps, options))
    await app.register(inferRoutes(deps, options))
  }
