import Fastify, { LogController, type FastifyBaseLogger } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Tracer } from '@menagerie/tracing/tracer'
import { randomUUID } from 'node:crypto'
import type { Admission } from './admission.ts'
import type { BaseUrl } from './base-url.ts'
import type { BatchViewer } from './batches/view-batch.ts'
import type { Batches } from './batches/wire-batches.ts'
import type { CancelPrediction } from './cancel-prediction.ts'
import type { CapacityReader } from './capacity.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { Deletions } from './delete-prediction.ts'
import type { AccessLevel } from './config.ts'
import type { GatewayMetrics } from './metrics/gateway-metrics.ts'
import type { ModelCatalog } from './model-catalog.ts'
import { admit } from './plugins/admit.ts'
import { authenticate } from './plugins/authenticate.ts'
import { bodies } from './plugins/bodies.ts'
import { browserAccess } from './plugins/browser-access.ts'
import { createClientErrors } from './plugins/client-error.ts'
import { drain } from './plugins/drain.ts'
import { errorHandler } from './plugins/error-handler.ts'
import { linger } from './plugins/linger.ts'
import { observeRequests } from './plugins/observe-requests.ts'
import { openapi } from './plugins/openapi.ts'
import { securityHeaders } from './plugins/security-headers.ts'
import { logPrediction, traceRequests } from './plugins/trace-requests.ts'
import type { PredictionViewer } from './predictions.ts'
import type { QueueReader } from './queue-reader.ts'
import type { RecordReader } from './record-reader.ts'
import { batchResultsRoute } from './routes/batch-results.ts'
import { batchRoute } from './routes/batch.ts'
import { cancelPredictionRoute } from './routes/cancel-prediction.ts'
import { classifyRoute } from './routes/classify.ts'
import { createBatchRoute } from './routes/create-batch.ts'
import { createPredictionRoute } from './routes/create-prediction.ts'
import { deadLetterRoute } from './routes/dead-letter.ts'
import { deletePredictionRoute } from './routes/delete-prediction.ts'
import { deliveriesRoute } from './routes/deliveries.ts'
import { getPredictionRoute } from './routes/get-prediction.ts'
import { listModelsRoute } from './routes/list-models.ts'
import { metricsRoute } from './routes/metrics.ts'
import { PREDICTION_ID_LENGTH_MAX } from './routes/prediction-params.ts'
import { predictionEventsRoute } from './routes/prediction-events.ts'
import { probesRoute } from './routes/probes.ts'
import { queuesRoute } from './routes/queues.ts'
import { createRequireAccess } from './routes/require-access.ts'
import type { FetchPicture } from './url-input/fetch-picture.ts'
import { sendUnroutable } from './routes/send-unroutable.ts'
import { torchServeRoutes } from './routes/torchserve.ts'
import { v2Routes } from './routes/v2/v2.ts'
import { webhookDeadLetterRoute } from './routes/webhook-dead-letter.ts'
import type { Submit } from './submit.ts'
import type { Shares } from './tenants/shares.ts'
import type { Tenants } from './tenants/tenants.ts'
import type { Waits } from './waits.ts'
import type { Deliveries } from './webhooks/deliveries.ts'
import type { WebhookDeadLetters } from './webhooks/webhook-dead-letters.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Asked by machines, again and again: a good answer is not worth a line in the log. */
    isProbe?: boolean
  }
}

export interface AppDeps {
  log: FastifyBaseLogger
  tracer: Tracer
  baseUrl: BaseUrl
  tenants: Tenants
  admission: Admission
  shares: Shares
  submit: Submit
  /** Null: pictures by URL are refused. */
  fetchPicture: FetchPicture | null
  cancelPrediction: CancelPrediction
  deletions: Pick<Deletions, 'deletePrediction'>
  deadLetters: DeadLetters
  deliveries: Deliveries
  webhookDeadLetters: WebhookDeadLetters
  batches: Pick<Batches, 'acceptBatch' | 'cancelBatch' | 'reader'>
  batchViewer: BatchViewer
  waits: Waits
  readPrediction: RecordReader['read']
  viewPrediction: PredictionViewer
  catalog: ModelCatalog
  readCapacity: CapacityReader
  readQueue: QueueReader
  metrics: Pick<GatewayMetrics, 'answered' | 'contentType'>
  /** All metrics of this gateway, as text. */
  readMetrics(): Promise<string>
  /** Rejects when Redis does not take writes. */
  checkWritable(): Promise<void>
}

export interface AppOptions {
  uploadBytesMax: number
  batchBytesMax: number
  syncTimeoutMs: number
  /** How long a request may take to arrive in full. */
  requestTimeoutMs: number
  /** Origins whose pages may read answers; `*`: all. */
  corsOrigins: string[]
  /** How long it still serves as before after it has been told to stop. */
  drainDelayMs: number
  trustProxy: string[] | false
  /** Null: nobody may do what operators do. */
  operatorKey: string | null
  /** Who may read what is about the service as a whole. */
  access: { metrics: AccessLevel; queues: AccessLevel; docs: AccessLevel }
  version: string
}

// Node looks that often for requests that take too long, and gives the head of a request no longer than this.
const TIMEOUT_CHECK_MAX_MS = 30_000
const HEAD_TIMEOUT_MAX_MS = 60_000

/** The whole HTTP surface, as an app that does not listen. */
export const buildApp = async (deps: AppDeps, options: AppOptions) => {
  const clientErrors = createClientErrors()
  const app = Fastify({
    loggerInstance: deps.log,
    trustProxy: options.trustProxy,
    // Bounds a slow upload. Fastify's default would be no bound at all.
    requestTimeout: options.requestTimeoutMs,
    http: {
      headersTimeout: Math.min(HEAD_TIMEOUT_MAX_MS, options.requestTimeoutMs),
      connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MAX_MS, options.requestTimeoutMs / 4),
    },
    genReqId: () => randomUUID(),
    // Closing is bounded where it is asked for; Fastify's 10 s would cut a longer DRAIN_DELAY.
    pluginTimeout: 0,
    routerOptions: { maxParamLength: PREDICTION_ID_LENGTH_MAX },
    // A URL that cannot be decoded, an id that is too long: found before there is a route.
    frameworkErrors: (error, request, reply) => void sendUnroutable(error, request, reply),
    // While it stops, requests on open connections are still served; /readyz says that it stops.
    return503OnClosing: false,
    clientErrorHandler: clientErrors.answer,
    // One line per request, written below, instead of two.
    logController: new LogController({ disableRequestLogging: true }),
    ajv: {
      // A misspelt option is an error, not something to drop silently.
      customOptions: { removeAdditional: false },
    },
  }).withTypeProvider<TypeBoxTypeProvider>()

  app.server.on('request', clientErrors.track)

  // First, so that what the others refuse is traced too.
  await app.register(traceRequests, { tracer: deps.tracer })
  await app.register(observeRequests, { answered: (request) => deps.metrics.answered(request) })
  await app.register(errorHandler)
  await app.register(linger)
  await app.register(drain, { waits: deps.waits, delayMs: options.drainDelayMs })
  await app.register(securityHeaders)
  await app.register(browserAccess, { origins: options.corsOrigins })
  await app.register(authenticate, { tenants: deps.tenants })
  await app.register(admit, { ...deps, uploadBytesMax: options.uploadBytesMax })
  await app.register(bodies)
  await app.register(openapi, {
    version: options.version,
    requireAccess: createRequireAccess(options.access.docs, {
      tenants: deps.tenants,
      operatorKey: options.operatorKey,
    }),
  })

  app.addHook('onResponse', async (request, reply) => {
    const ms = Math.round(reply.elapsedTime)
    const path = request.url.split('?')[0]
    const about = { method: request.method, path, status: reply.statusCode, ms, ...logPrediction(request) }
    // Balancers and monitoring ask several times a second; news is only that they got no 2xx.
    const level = request.routeOptions.config.isProbe === true && reply.statusCode < 300 ? 'debug' : 'info'
    request.log[level](about, 'request')
  })

  await app.register(classifyRoute(deps, options))
  await app.register(createPredictionRoute(deps, options))
  await app.register(getPredictionRoute(deps))
  await app.register(cancelPredictionRoute(deps))
  await app.register(deletePredictionRoute(deps))
  await app.register(deliveriesRoute(deps))
  await app.register(deadLetterRoute(deps, options))
  await app.register(webhookDeadLetterRoute(deps, options))
  await app.register(predictionEventsRoute(deps))
  await app.register(createBatchRoute(deps, options))
  await app.register(batchRoute(deps))
  await app.register(batchResultsRoute(deps))
  await app.register(listModelsRoute(deps))
  await app.register(probesRoute(deps))
  await app.register(queuesRoute(deps, options))
  await app.register(metricsRoute(deps, options))
  await app.register(v2Routes(deps, options), { prefix: '/v2' })
  await app.register(torchServeRoutes(deps, options))
  return app
}
