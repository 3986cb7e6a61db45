import { WEBHOOK_QUEUE_NAME } from '@menagerie/contract/job'
import { createKeys } from '@menagerie/shared/keys'
import { closeRedis, createConsumerRedis, createProducerRedis } from '@menagerie/shared/redis'
import { Releasers } from '@menagerie/shared/releasers'
import { createResultCache } from '@menagerie/shared/result-cache'
import { createRedisUploadStore } from '@menagerie/shared/upload-store/redis-upload-store'
import { createDurabilityCheck } from '@menagerie/shared/durability'
import { createWorkerRegistry } from '@menagerie/shared/worker-registry'
import type { Logger } from 'pino'
import { createAcceptPrediction } from './accept-prediction.ts'
import { buildApp } from './app.ts'
import { createBaseUrl } from './base-url.ts'
import { createCapacityReader } from './capacity.ts'
import type { GatewayConfig } from './config.ts'
import { createFindKnownAnswer } from './find-known-answer.ts'
import { guardRedis } from './guard-redis.ts'
import { createJobQueue } from './job-queue.ts'
import { createModelCatalog } from './model-catalog.ts'
import { createPredictionViewer } from './predictions.ts'
import { createRecordReader } from './record-reader.ts'
import { createSubmit } from './submit.ts'
import { createWaits } from './waits.ts'
import { createWebhookAgent } from './webhooks/agent.ts'
import { createDeliver } from './webhooks/deliver.ts'
import { createWebhookProcessor } from './webhooks/process-webhook.ts'
import { createWebhookUrlPolicy } from './webhooks/url-policy.ts'
import { createWebhookWorker } from './webhooks/webhook-worker.ts'

export const VERSION = '0.1.0'

/** Opens everything a gateway needs and builds its app. Redis need not be there yet. */
export const openGateway = async (config: GatewayConfig, log: Logger) => {
  const releasers = new Releasers()
  const { prefix, url } = config.redis
  const { webhooks, resultTtlMs } = config

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

  // Pictures and jobs go over one connection, in this order; whoever reads never queues behind 10 MB.
  const accepting = openProducer('gateway-accepting')
  const commands = openProducer('gateway-commands')
  const checkDurability = createDurabilityCheck({ redis: commands, log })
  commands.on('ready', () => void checkDurability())

  const keys = createKeys(prefix)
  const registry = createWorkerRegistry({ redis: commands, keys })
  const catalog = createModelCatalog({ registry }, { defaultModel: config.defaultModel })
  const readCapacity = createCapacityReader({ registry })
  const reader = createRecordReader({ redis: commands, catalog }, { prefix, resultTtlMs })
  const viewPrediction = createPredictionViewer({ catalog, readCapacity }, { resultTtlMs })

  const waits = createWaits({ subscriber: openConsumer('gateway-ends'), reader, keys })

  const queue = createJobQueue(
    { redis: accepting, log },
    { prefix, resultTtlMs, webhookAttempts: webhooks.retryDelaysMs.length + 1 },
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

  const cache = createResultCache({ redis: commands, keys }, { ttlMs: config.cacheTtlMs })
  const acceptPrediction = createAcceptPrediction(
    {
      catalog,
      findKnownAnswer: config.cacheTtlMs > 0 ? createFindKnownAnswer({ catalog, cache }) : async () => null,
      uploads: createRedisUploadStore({ redis: accepting, keys }),
      queue,
      checkWebhookUrl: createWebhookUrlPolicy({
        hasSecret: webhooks.secret !== null,
        isPrivateAllowed: webhooks.isPrivateAllowed,
      }),
    },
    { queueAgeMaxMs: config.queueAgeMaxMs },
  )
  const app = await buildApp(
    {
      log,
      baseUrl: createBaseUrl(config.publicUrl),
      submit: createSubmit({ acceptPrediction, waits }),
      waits,
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
      trustProxy: config.trustProxy,
      version: VERSION,
    },
  )
  releasers.push('http server', () => app.close())
  return { app, close: () => releasers.close() }
}
