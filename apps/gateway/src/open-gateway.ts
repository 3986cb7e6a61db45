import { BATCH_QUEUE_NAME } from '@menagerie/contract/job'
import { createKeys } from '@menagerie/shared/keys'
import {
  closeRedis,
  createConsumerRedis,
  createProducerRedis,
  type RedisConnection,
} from '@menagerie/shared/redis'
import { Releasers } from '@menagerie/shared/releasers'
import { createDurabilityCheck } from '@menagerie/shared/durability'
import { createWorkerRegistry } from '@menagerie/shared/worker-registry'
import { openTracer } from '@menagerie/tracing/open-tracer'
import type { Logger } from 'pino'
import { buildApp } from './app.ts'
import { createBaseUrl } from './base-url.ts'
import { createBatchWorker } from './batches/batch-worker.ts'
import { createBatchViewer } from './batches/view-batch.ts'
import { createCapacityReader } from './capacity.ts'
import { checkUploadStore } from './check-upload-store.ts'
import { closeWorker } from './close-worker.ts'
import type { GatewayConfig } from './config.ts'
import { createFairOrder } from './fair-order.ts'
import { guardRedis } from './guard-redis.ts'
import { isLoopback } from './is-loopback.ts'
import { createJobQueue } from './job-queue.ts'
import { createDeadLetterCounts } from './metrics/dead-letter-counts.ts'
import { createGatewayMetrics } from './metrics/gateway-metrics.ts'
import { createServiceReader } from './metrics/service-reader.ts'
import { createModelCatalog } from './model-catalog.ts'
import { createPredictionViewer } from './predictions.ts'
import { createQueueReader } from './queue-reader.ts'
import { createRecordReader } from './record-reader.ts'
import { createSubmit } from './submit.ts'
import { startSweeper } from './sweeper.ts'
import { openTenants } from './tenants/tenants.ts'
import { openFetchPicture } from './url-input/open-fetch-picture.ts'
import { createWaits } from './waits.ts'
import { openWebhooks } from './webhooks/open-webhooks.ts'
import { stagingMaxMs, wirePredictions } from './wire-predictions.ts'

const NO_KEYS_WARNING =
  'API_KEYS_FILE IS NOT SET, and this gateway listens beyond the loopback: whoever reaches its port may use it, read ' +
  'what others asked, and fill its queue. Make keys with `pnpm keys create`, or keep the port to those who may'

export const VERSION = '0.1.0'

// Between its note and its jobs a batch takes seconds, and so does a prediction.
const SWEEP_GRACE_MS = 5 * 60_000

/** Opens everything a gateway needs and builds its app. Redis need not be there yet. */
export const openGateway = async (config: GatewayConfig, log: Logger) => {
  const releasers = new Releasers()
  const metrics = createGatewayMetrics()
  const { prefix, url } = config.redis
  const { webhooks, resultTtlMs, deadLetterTtlMs } = config
  const retention = { resultTtlMs, deadLetterTtlMs }

  const tracer = await openTracer(config.tracing, log)
  // Last of all: what is finished while the rest is closed is in a trace too.
  releasers.push('tracer', () => tracer.close())

  const tenants = await openTenants({ log }, { path: config.apiKeysFile, webhookSecrets: webhooks.secrets })
  if (config.apiKeysFile === null && !isLoopback(config.listen.host)) log.warn(NO_KEYS_WARNING)
  releasers.push('tenants', () => tenants.close())
  const secretsOf = (tenantId: string) => tenants.secretsOf(tenantId)

  const openProducer = (name: string) => {
    const redis = createProducerRedis({ url, name, log })
    releasers.push(name, () => closeRedis(redis))
    return redis
  }
  const openConsumer = (name: string) => {
    const redis = createConsumerRedis({ url, name, log })
    releasers.push(name, () => closeRedis(redis))
    return redis
  }

  const accepting = openProducer('gateway-accepting')
  const commands = openProducer('gateway-commands')
  const checkDurability = createDurabilityCheck({ redis: commands, log })
  commands.on('ready', () => void checkDurability())

  const keys = createKeys(prefix)
  const registry = createWorkerRegistry({ redis: commands, keys })
  const catalog = createModelCatalog({ registry }, { defaultModel: config.defaultModel })
  const readCapacity = createCapacityReader({ registry })
  const readQueue = createQueueReader({ redis: commands, readCapacity }, { prefix })
  const reader = createRecordReader({ redis: commands, catalog }, { prefix, ...retention })
  const viewPrediction = createPredictionViewer({ catalog, readCapacity }, retention)

  const waits = createWaits({ subscriber: openConsumer('gateway-ends'), reader, keys })

  const weightOf = (tenantId: string): number => tenants.find(tenantId).weight
  const openOrder = (redis: RedisConnection) =>
    createFairOrder({ redis, keys, weightOf, log }, { prefix, queueAgeMaxMs: config.queueAgeMaxMs })
  const queue = createJobQueue(
    { redis: accepting, fairOrder: openOrder(accepting), log },
    { prefix, ...retention },
  )
  releasers.push('queues', () => queue.close())

  const userAgent = `Menagerie/${VERSION}`
  // The file of the tenants may bring secrets at any time.
  const isDelivering = webhooks.secrets.length > 0 || config.apiKeysFile !== null
  if (isDelivering) {
    const consumer = openConsumer('gateway-webhooks')
    openWebhooks(
      {
        consumer,
        commands,
        keys,
        reader,
        viewPrediction,
        secretsOf,
        countDeliveries: metrics.countDeliveries,
        releasers,
        tracer,
        log,
      },
      { ...webhooks, prefix, userAgent },
    )
  }

  const fetchPicture = config.urlInputs.isEnabled
    ? openFetchPicture({ releasers }, { ...config.urlInputs, bytesMax: config.uploadBytesMax, userAgent })
    : null

  const predictions = wirePredictions(
    {
      accepting,
      commands,
      keys,
      reader,
      catalog,
      queue,
      fairOrder: openOrder(commands),
      readCapacity,
      secretsOf,
      tracer,
      onAccepted: (data) => metrics.accepted(data),
      log,
    },
    config,
    {
      graceMs: SWEEP_GRACE_MS,
      // A batch is gone on with one grace after its last picture came, and then has another to get through.
      uploadGraceMs: 2 * SWEEP_GRACE_MS + stagingMaxMs(config),
    },
  )
  if (config.uploads.kind !== 'redis') void checkUploadStore({ uploads: predictions.uploads, log })
  if (isDelivering) {
    const redis = openConsumer('gateway-batches')
    const { watchBatch } = predictions.batches
    const worker = createBatchWorker({ redis, watchBatch, log }, { prefix })
    releasers.push(`${BATCH_QUEUE_NAME} worker`, () => closeWorker(worker, redis, 0))
  }
  const sweeper = startSweeper(
    { redis: commands, keys, sweep: metrics.countSweeps(predictions.sweep), log },
    { intervalMs: config.sweepIntervalMs },
  )
  releasers.push('sweeper', () => sweeper.stop())

  const readService = createServiceReader({
    redis: commands,
    keys,
    catalog,
    readQueue,
    deadLetters: createDeadLetterCounts({ redis: commands }, { prefix }),
    readMemoryShare: predictions.readMemoryShare,
  })

  const app = await buildApp(
    {
      log,
      tracer,
      baseUrl: createBaseUrl(config.publicUrl),
      tenants,
      admission: predictions.admission,
      shares: predictions.shares,
      submit: createSubmit({ ...predictions, waits, tracer }),
      fetchPicture,
      cancelPrediction: predictions.cancelPrediction,
      deletions: predictions.deletions,
      deadLetters: predictions.deadLetters,
      batches: predictions.batches,
      batchViewer: createBatchViewer({ viewPrediction }, retention),
      deliveries: predictions.deliveries,
      webhookDeadLetters: predictions.webhookDeadLetters,
      waits,
      readPrediction: (id) => reader.read(id),
      viewPrediction,
      catalog,
      readCapacity,
      readQueue,
      metrics,
      readMetrics: () => metrics.render(readService, () => waits.count()),
      checkWritable: async () => {
        await guardRedis(() => commands.set(keys.probe, '1', 'PX', 1000))
      },
    },
    {
      uploadBytesMax: config.uploadBytesMax,
      batchBytesMax: config.batchBytesMax,
      syncTimeoutMs: config.syncTimeoutMs,
      requestTimeoutMs: config.requestTimeoutMs,
      corsOrigins: config.corsOrigins,
      drainDelayMs: config.drainDelayMs,
      trustProxy: config.trustProxy,
      operatorKey: config.operatorKey,
      access: config.access,
      version: VERSION,
    },
  )
  releasers.push('http server', () => app.close())
  return { app, close: () => releasers.close() }
}
