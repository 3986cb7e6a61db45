import type { KnownAnswer } from '@menagerie/contract/job'
import { createClassifier } from '@menagerie/inference/classifier'
import { listenForAbort } from '@menagerie/inference/listen-for-abort'
import { readCpuBudget } from '@menagerie/inference/cpu-budget'
import { planThreads } from '@menagerie/inference/plan-threads'
import { createAnnounceEnd } from '@menagerie/shared/announce-end'
import { createKeys } from '@menagerie/shared/keys'
import { createErrorLog } from '@menagerie/shared/error-log'
import { isThere } from '@menagerie/shared/is-there'
import { createMemoryShareReader, SPARE_SHARE_MAX } from '@menagerie/shared/memory-share'
import type { RedisConnection } from '@menagerie/shared/redis'
import { Releasers } from '@menagerie/shared/releasers'
import { openUploadStore } from '@menagerie/shared/upload-store/open-upload-store'
import { createResultCache } from '@menagerie/shared/result-cache'
import { createWorkerRegistry } from '@menagerie/shared/worker-registry'
import { openTracer } from '@menagerie/tracing/open-tracer'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { followCancellations } from './cancellations.ts'
import type { WorkerConfig } from './config.ts'
import { startHeartbeat, type Heartbeat } from './heartbeat.ts'
import { findModel } from './find-model.ts'
import { createFingerprint } from './fingerprint.ts'
import { createWorkerMetrics } from './metrics.ts'
import { startProbeServer, type Health } from './probe-server.ts'
import { selectAnswers } from './select-answers.ts'

/** The first heartbeat must not fail for want of a connection that is only about to be there: the next is seconds away. */
const waitForConnection = async (redis: RedisConnection): Promise<void> => {
  while (redis.status !== 'ready') await once(redis, 'ready').catch(() => undefined)
}

/** What needs BullMQ. It takes 0.25 s to load, the model 0.4 s in threads of its own: both happen at the same time. */
const loadQueueModules = async () => ({
  ...(await import('@menagerie/shared/redis')),
  ...(await import('./drain.ts')),
  ...(await import('./job-worker.ts')),
  ...(await import('./process-job.ts')),
  ...(await import('./store-outage.ts')),
  ...(await import('./tell-start.ts')),
})

const openAll = async (
  config: WorkerConfig,
  log: Logger,
  health: Health,
  releasers: Releasers,
  stop: AbortSignal | undefined,
) => {
  const metrics = createWorkerMetrics({ model: config.model.name, health })
  const probes = await startProbeServer({ health, metrics }, config.probe)
  releasers.push('probe server', () => probes.close())

  const plan = planThreads(config.inferenceMode, config.inferenceThreads ?? readCpuBudget())
  const model = await findModel(config.model, log, stop)
  metrics.serves({ digest: model.digest, trained: model.trained, threads: plan.threads })
  const answers = selectAnswers(model, config.model.isAnimalsOnly)
  const loading = Promise.all([loadQueueModules(), openTracer(config.tracing, log)])
  const classifier = await createClassifier({
    modelPath: model.path,
    input: model.manifest.input,
    ...plan,
    ...answers,
    onThreadLost: (err) => log.error({ err }, 'an inference thread died; starting another'),
  })
  releasers.push('classifier', () => classifier.close())
  if (classifier.classCount !== model.labels.length) {
    throw new Error(`the model has ${classifier.classCount} classes and ${model.labels.length} labels`)
  }

  const [{ closeRedis, createConsumerRedis, createProducerRedis, ...queue }, tracer] = await loading
  const closers = [() => tracer.close()]
  // All at once: each may wait for a server that hangs, and in turn they would not end within the time to close.
  releasers.push('connections and tracer', () => Promise.all(closers.map((close) => close())))
  stop?.throwIfAborted()
  const connection = { url: config.redis.url, log }
  const queueRedis = createConsumerRedis({ ...connection, name: 'worker-queue' })
  closers.push(() => closeRedis(queueRedis))
  const redis = createConsumerRedis(
    { ...connection, name: 'worker-commands' },
    // A job's commands come in pairs: what starts it, what ends it. Each pair is one write.
    { enableAutoPipelining: true },
  )
  closers.push(async () => {
    // What waits to be sent together with others goes first, as QUIT does not wait for it.
    if (await isThere(redis)) await closeRedis(redis)
    redis.disconnect()
  })
  // Heartbeats and probes are worth nothing late, so they fail fast.
  const beatRedis = createProducerRedis({ ...connection, name: 'worker-heartbeat' })
  closers.push(() => closeRedis(beatRedis))

  const keys = createKeys(config.redis.prefix)
  // A deletion, which a full Redis takes, since workers go on there.
  health.findObstacle = async () => {
    const isRedisThere = await beatRedis.del(keys.probe).then(
      () => queueRedis.status === 'ready',
      () => false,
    )
    if (!isRedisThere) return 'queue_unavailable'
    return health.isStoreAway() ? 'upload_store_unavailable' : null
  }
  const fingerprint = createFingerprint({ digest: model.digest, input: model.manifest.input, ...answers })
  const id = `${hostname()}-${randomUUID().slice(0, 8)}`
  const uploads = openUploadStore(
    { redis },
    { uploads: config.uploads, redisPrefix: config.redis.prefix, makesFolders: false },
  )
  const storeOutage = queue.createStoreOutage({ redis, uploads, log })
  health.isStoreAway = () => storeOutage.isOn()
  releasers.push('store outage', async () => storeOutage.stop())
  if (config.uploads.kind !== 'redis') void storeOutage.check()
  const heartbeat: Heartbeat = startHeartbeat(
    { registry: createWorkerRegistry({ redis: beatRedis, keys }), health, log },
    {
      id,
      model: {
        name: model.name,
        description: model.manifest.description,
        digest: model.digest,
        trained: model.trained,
        animals_only: config.model.isAnimalsOnly,
        fingerprint,
        input: model.manifest.input,
        labels: [...model.labels],
      },
      threads: plan.threads,
      serviceMs: classifier.warmUpMs,
    },
  )
  // Not waited for: its connection, which is closed next, is given time to answer.
  releasers.push('heartbeat', () => void heartbeat.stop())

  const cache = createResultCache({ redis, keys }, { ttlMs: config.cacheTtlMs })
  const cacheErrors = createErrorLog(log, 'an answer could not be remembered')
  const remember = (picture: { tenant: string; sha256: string }, answer: KnownAnswer): void => {
    if (config.cacheTtlMs > 0) cache.put({ ...picture, fingerprint }, answer).catch(cacheErrors.report)
  }

  const { tellStart, close: closeTellStart } = queue.createTellStart(
    { redis, log },
    { prefix: config.redis.prefix },
  )
  releasers.push('webhook queue', closeTellStart)

  const process = queue.createProcessJob({
    redis,
    uploads,
    prefix: config.redis.prefix,
    classifier,
    worker: { id, digest: model.digest, trained: model.trained },
    onServed: (ms) => {
      heartbeat.served(ms)
      metrics.ran()
    },
    remember,
    tellStart,
    tracer,
    storeOutage,
    log,
  })
  const queueOptions = { model: model.name, prefix: config.redis.prefix }
  const announceEnd = createAnnounceEnd({ redis, keys }, { prefix: config.redis.prefix })
  const readMemoryShare = createMemoryShareReader({ redis, key: keys.models })
  const worker = queue.createJobWorker(
    {
      redis: queueRedis,
      uploads,
      process: metrics.countActive(process),
      announceEnd,
      hasSpareRoom: async () =>
        config.uploads.kind !== 'redis' || (await readMemoryShare()) <= SPARE_SHARE_MAX,
      storeOutage,
      log,
    },
    {
      ...queueOptions,
      threads: plan.threads,
      concurrency: config.jobConcurrency,
      lockMs: config.jobLockMs,
    },
  )
  metrics.follow(worker)
  const cancellations = createConsumerRedis({ ...connection, name: 'worker-cancellations' })
  closers.push(() => closeRedis(cancellations))
  followCancellations({ subscriber: cancellations, keys, worker })
  releasers.push('job worker', async () => {
    // The gateways are told at the same time: nothing more is taken from this moment on.
    const telling = heartbeat.beat()
    await queue.drainWorker({ worker, redis: queueRedis, log }, { timeoutMs: config.drainTimeoutMs })
    await telling
  })

  // Without end while Redis is away.
  const { aborted, stop: stopListening } = listenForAbort(stop)
  const connected = Promise.all([worker.waitUntilReady(), waitForConnection(beatRedis)])
  await Promise.race([connected, aborted]).finally(stopListening)
  stop?.throwIfAborted()
  health.state = 'ready'
  await heartbeat.beat()
  log.info({ worker: id, model: model.name, ...plan }, 'ready')
  return { id }
}

/**
 * Loads and warms the model, then starts to take jobs. Rejects when the model cannot be had, or with its reason when
 * `stop` fires before that, with everything closed that was open by then.
 */
export const openWorker = async (config: WorkerConfig, log: Logger, stop?: AbortSignal) => {
  const releasers = new Releasers()
  const health: Health = { state: 'starting', findObstacle: async () => null, isStoreAway: () => false }
  const drain = (): void => {
    health.state = 'draining'
  }
  stop?.addEventListener('abort', drain, { once: true })
  const close = (): Promise<void> => {
    drain()
    return releasers.close()
  }
  try {
    return { ...(await openAll(config, log, health, releasers, stop)), close }
  } catch (error) {
    await close()
    throw error
  }
}
