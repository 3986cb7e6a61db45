import { WEBHOOK_QUEUE_NAME } from '@menagerie/contract/job'
import { createKeys } from '@menagerie/shared/keys'
import { closeRedis, createConsumerRedis, createProducerRedis } from '@menagerie/shared/redis'
import { Releasers } from '@menagerie/shared/releasers'
import { createDurabilityCheck } from '@menagerie/shared/durability'
import { createWorkerRegistry } from '@menagerie/shared/worker-registry'
import type { Logger } from 'pino'
import { buildApp } from './app.ts'
import { createBaseUrl } from './base-url.ts'
import { createCapacityReader } from './capacity.ts'
import type { GatewayConfig } from './config.ts'
import { guardRedis } from './guard-redis.ts'
import { createJobQueue } from './job-queue.ts'
import { createModelCatalog } from './model-catalog.ts'
import { createPredictionViewer } from './predictions.ts'
import { createRecordReader } from './record-reader.ts'
import { createSubmit } from './submit.ts'
import { startSweeper } from './sweeper.ts'
import { openTenants } from './tenants/tenants.ts'
import { createWaits } from './waits.ts'
import { createWebhookAgent } from './webhooks/agent.ts'
import { createDeliver } from './webhooks/deliver.ts'
import { createWebhookProcessor } from './webhooks/process-webhook.ts'
import { createWebhookWorker } from './webhooks/webhook-worker.ts'
import { wirePredictions } from './wire-predictions.ts'

export const VERSION = '0.1.0'

// Between its picture and its job a request takes seconds at the most.
const SWEEP_GRACE_MS = 5 * 60_000

/** Opens everything a gateway needs and builds its app. Redis need not be there yet. */
export const openGateway = async (config: GatewayConfig, log: Logger) => {
  const releasers = new Releasers()
  const { prefix, url } = config.redis
  const { webhooks, resultTtlMs, deadLetterTtlMs } = config
  const retention = { resultTtlMs, deadLetterTtlMs }

  const tenants = await openTenants({ log }, { path: config.apiKeysFile, webhookSecret: webhooks.secret })
  releasers.push('tenants', () => tenants.close())

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
  const reader = createRecordReader({ redis: commands, catalog }, { prefix, ...retention })
  const viewPrediction = createPredictionViewer({ catalog, readCapacity }, retention)

  const waits = createWaits({ subscriber: openConsumer('gateway-ends'), reader, keys })

  const queue = createJobQueue(
    { redis: accepting, log },
    { prefix, ...retention, webhookAttempts: webhooks.retryDelaysMs.length + 1 },
  )
  releasers.push('queues', () => queue.close())

  if (webhooks.secret !== null) {
    const agent = createWebhookAgent(webhooks)
    releasers.push('webhook agent', () => agent.destroy())
    const deliver = createDeliver(
      { agent, secret: webhooks.secret },
      { timeoutMs: webhooks.timeoutMs, userAgent: `Menagerie/${VERSION}` },
    )
    const redis = openConsumer('gateway-webhooks')
    const worker = createWebhookWorker(
      {
        redis,
        process: createWebhookProcessor({ reader, viewPrediction, deliver, log }),
        log,
      },
      { prefix, retryDelaysMs: webhooks.retryDelaysMs },
    )
    // While Redis is away, BullMQ would wait without end for the reply to its blocking command.
    releasers.push(`${WEBHOOK_QUEUE_NAME} worker`, () => worker.close(redis.status !== 'ready'))
  }

  const predictions = wirePredictions({ accepting, commands, keys, reader, catalog, queue, log }, config, {
    graceMs: SWEEP_GRACE_MS,
  })
  const sweeper = startSweeper(
    { redis: commands, keys, sweep: predictions.sweep, log },
    { intervalMs: config.sweepIntervalMs },
  )
  releasers.push('sweeper', () => sweeper.stop())

  const app = await buildApp(
    {
      log,
      baseUrl: createBaseUrl(config.publicUrl),
      tenants,
      submit: createSubmit({ ...predictions, waits }),
      cancelPrediction: predictions.cancelPrediction,
      deletions: predictions.deletions,
      deadLetters: predictions.deadLetters,
      waits,
      readPrediction: (id) => reader.read(id),
      viewPrediction,
      catalog,
      readCapacity,
      checkWritable: async () => {
        await guardRedis(() => commands.set(keys.probe, '1', 'PX', 1000))
      },
    },
    {
      uploadBytesMax: config.uploadBytesMax,
      syncTimeoutMs: config.syncTimeoutMs,
      requestTimeoutMs: config.requestTimeoutMs,
      corsOrigins: config.corsOrigins,
      drainDelayMs: config.drainDelayMs,
      trustProxy: config.trustProxy,
      operatorKey: config.operatorKey,
      version: VERSION,
    },
  )
  releasers.push('http server', () => app.close())
  return { app, close: () => releasers.close() }
}
