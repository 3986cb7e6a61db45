import { createAdmission, type Admission } from './admission.ts'
import { createAnnounceEnd } from '@menagerie/shared/announce-end'
import type { PredictJobData } from '@menagerie/contract/job'
import type { Keys } from '@menagerie/shared/keys'
import { createMemoryShareReader, SPARE_SHARE_MAX } from '@menagerie/shared/memory-share'
import { createResultCache } from '@menagerie/shared/result-cache'
import { openUploadStore } from '@menagerie/shared/upload-store/open-upload-store'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { Tracer } from '@menagerie/tracing/tracer'
import type { Logger } from 'pino'
import { createAcceptPrediction } from './accept-prediction.ts'
import { wireBatches } from './batches/wire-batches.ts'
import { createCancelPrediction } from './cancel-prediction.ts'
import type { CapacityReader } from './capacity.ts'
import type { GatewayConfig } from './config.ts'
import { createDeadLetters } from './dead-letters.ts'
import { createDeletions } from './delete-prediction.ts'
import { createEnqueue, type Enqueue } from './enqueue.ts'
import type { FairOrder } from './fair-order.ts'
import { createFindKnownAnswer } from './find-known-answer.ts'
import { createForget } from './forget.ts'
import { guardRedis } from './guard-redis.ts'
import type { JobQueue } from './job-queue.ts'
import type { ModelCatalog } from './model-catalog.ts'
import { createIdentify } from './prediction-id.ts'
import type { RecordReader } from './record-reader.ts'
import { createSweep } from './sweep.ts'
import { createShares } from './tenants/shares.ts'
import { createDeliveries } from './webhooks/deliveries.ts'
import { createWebhookDeadLetters } from './webhooks/webhook-dead-letters.ts'
import { createWebhookJobs } from './webhooks/webhook-jobs.ts'
import { createWebhookUrlPolicy } from './webhooks/url-policy.ts'

export interface PredictionDeps {
  /** Pictures and jobs go over one connection, in this order; whoever reads never queues behind 10 MB. */
  accepting: RedisConnection
  commands: RedisConnection
  keys: Keys
  reader: RecordReader
  catalog: ModelCatalog
  queue: JobQueue
  fairOrder: FairOrder
  readCapacity: CapacityReader
  /** With what a tenant's webhooks are signed. */
  secretsOf: (tenantId: string) => readonly string[]
  tracer: Tracer
  /** Told of each prediction that is accepted. */
  onAccepted: (data: PredictJobData) => void
  log: Logger
}

// Time for retries and a slow hand-back after the deadline, before the bytes of a lost job go by themselves.
const UPLOAD_MARGIN_MS = 3_600_000

/** How long the pictures of a batch may take: to arrive, and as long again where they are in an archive, to be inflated. */
export const stagingMaxMs = ({ requestTimeoutMs }: GatewayConfig): number => 2 * requestTimeoutMs

/** By the clock of the server that has our keys: in a cluster each has its own. */
const readTimeMs = async (redis: RedisConnection, key: string): Promise<number> => {
  const time = await guardRedis(() => redis.eval("return redis.call('TIME')", 1, key))
  const [seconds, microseconds] = time as [string, string]
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
}

/** All that can be done with predictions but reading them and waiting for them. */
export const wirePredictions = (
  deps: PredictionDeps,
  config: GatewayConfig,
  options: { graceMs: number; uploadGraceMs: number },
) => {
  const { accepting, commands, keys, reader, catalog, queue, fairOrder, readCapacity, tracer, log } = deps
  const { queueAgeMaxMs, resultTtlMs, deadLetterTtlMs, webhooks } = config
  const { prefix } = config.redis
  const redis = commands
  const isInRedis = config.uploads.kind === 'redis'
  const openUploads = (redis: RedisConnection) =>
    openUploadStore({ redis }, { uploads: config.uploads, redisPrefix: prefix })
  const uploads = openUploads(commands)
  const cache = createResultCache({ redis, keys }, { ttlMs: config.cacheTtlMs })
  const forget = createForget({ redis }, { prefix })
  const readMemoryShare = createMemoryShareReader({ redis, key: keys.models })
  const shares = createShares({ redis, keys }, { prefix, queueAgeMaxMs })
  const admission = createAdmission(
    { redis, fairOrder, readCapacity, readMemoryShare },
    { prefix, uploadBytesMax: config.uploadBytesMax, ...config.admission },
  )
  const identify = createIdentify({ redis, keys })

  const uploadTtlMs = queueAgeMaxMs + deadLetterTtlMs + UPLOAD_MARGIN_MS
  const acceptingUploads = openUploads(accepting)
  const enqueueOnly = createEnqueue(
    { uploads: acceptingUploads, queue, reader, forget, tracer },
    { uploadTtlMs, isOrderKept: isInRedis && !accepting.isCluster },
  )
  const enqueue: Enqueue = async (submission) => {
    const enqueued = await enqueueOnly(submission)
    const { idempotency } = submission.data
    // Otherwise it repeats one that was accepted before.
    const isNew = enqueued.data.idempotency?.submission_id === idempotency?.submission_id
    if (isNew) deps.onAccepted(submission.data)
    return enqueued
  }
  const checkWebhookUrl = createWebhookUrlPolicy({
    secretsOf: deps.secretsOf,
    isPrivateAllowed: webhooks.isPrivateAllowed,
  })
  const findKnownAnswer = config.cacheTtlMs > 0 ? createFindKnownAnswer({ catalog, cache }) : async () => null
  const acceptWith = (putInto: Enqueue, room: Pick<Admission, 'enter'>) =>
    createAcceptPrediction(
      {
        catalog,
        enqueue: putInto,
        findKnownAnswer,
        checkWebhookUrl,
        admission: room,
        shares,
        readTime: () => readTimeMs(redis, keys.models),
      },
      { queueAgeMaxMs },
    )
  const acceptPrediction = acceptWith(enqueue, admission)
  const announceEnd = createAnnounceEnd({ redis, keys }, { prefix })
  const cancelPrediction = createCancelPrediction(
    { redis, keys, reader, uploads, announceEnd, log },
    { prefix },
  )
  const webhookJobs = createWebhookJobs({ redis, keys, queue })
  const deletions = createDeletions(
    { redis, keys, reader, uploads, queue, forget, webhookJobs, cache, shares, catalog },
    { prefix },
  )
  const deadLetters = createDeadLetters(
    { redis, reader, catalog, uploads, queue, identify, enqueue, forget },
    { prefix, queueAgeMaxMs },
  )
  const batches = wireBatches(
    {
      redis,
      keys,
      catalog,
      queue,
      accepting: acceptingUploads,
      uploads,
      identify,
      admission,
      // All pictures of a batch are counted at once, when they are there; until then there only has to be room.
      acceptWith: (putInto) => acceptWith(putInto, { enter: (model, who) => admission.enter(model, who, 0) }),
      checkWebhookUrl,
      shares,
      announceEnd,
      tracer,
      onAccepted: deps.onAccepted,
      log,
    },
    {
      prefix,
      resultTtlMs,
      deadLetterTtlMs,
      uploadBytesMax: config.uploadBytesMax,
      uploadTtlMs,
      stagingMaxMs: stagingMaxMs(config),
      graceMs: options.graceMs,
    },
  )
  const sweep = createSweep(
    {
      redis,
      reader,
      uploads,
      catalog,
      forget,
      queue,
      deletions,
      sweepBatches: batches.sweepBatches,
      hasSpareRoom: async () => !isInRedis || (await readMemoryShare()) <= SPARE_SHARE_MAX,
    },
    { prefix, resultTtlMs, uploadTtlMs, ...options },
  )
  return {
    uploads,
    admission,
    readMemoryShare,
    shares,
    identify,
    acceptPrediction,
    cancelPrediction,
    deletions,
    deadLetters,
    batches,
    deliveries: createDeliveries({ redis, reader, queue, webhookJobs }, { prefix }),
    webhookDeadLetters: createWebhookDeadLetters({ queue }),
    sweep,
  }
}
