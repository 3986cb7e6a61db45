import { createAnnounceEnd } from '@menagerie/shared/announce-end'
import { createKeys } from '@menagerie/shared/keys'
import { createConsumerRedis } from '@menagerie/shared/redis'
import { createRedisUploadStore } from '@menagerie/shared/upload-store/redis-upload-store'
import { createJobWorker } from '@menagerie/worker/job-worker'
import { createProcessJob } from '@menagerie/worker/process-job'
import { createStoreOutage } from '@menagerie/worker/store-outage'
import { setTimeout as sleep } from 'node:timers/promises'
import { NO_TRACING } from '@menagerie/tracing/no-tracing'
import { pino } from 'pino'

/** The worker's own queue side, with a model that sleeps for `serviceMs`, `slots` pictures at the same time. */
export const startSleepingWorker = async (options: {
  redisUrl: string
  prefix: string
  model: string
  slots: number
  serviceMs: number
}) => {
  const log = pino({ level: 'warn' }, process.stderr)
  const { prefix, model, slots, serviceMs } = options
  const connection = { url: options.redisUrl, log }
  const queueRedis = createConsumerRedis({ ...connection, name: 'bench-queue' })
  const redis = createConsumerRedis({ ...connection, name: 'bench-commands' }, { enableAutoPipelining: true })
  const keys = createKeys(prefix)
  const uploads = createRedisUploadStore({ redis, keys })
  const storeOutage = createStoreOutage({ redis, uploads, log })
  const processJob = createProcessJob({
    redis,
    uploads,
    prefix,
    classifier: {
      classCount: 1,
      warmUpMs: serviceMs,
      async classify() {
        await sleep(serviceMs)
        return { topK: [[0, 1]], confident: true, preprocessMs: 0, predictMs: serviceMs }
      },
      close: async () => undefined,
    },
    worker: { id: 'sleeping', digest: 'none', trained: false },
    tellStart: async () => undefined,
    storeOutage,
    onServed: () => undefined,
    remember: () => undefined,
    tracer: NO_TRACING,
    log,
  })
  const worker = createJobWorker(
    {
      redis: queueRedis,
      uploads,
      process: processJob,
      announceEnd: createAnnounceEnd({ redis, keys }, { prefix }),
      hasSpareRoom: async () => true,
      storeOutage,
      log,
    },
    { model, prefix, threads: slots, concurrency: slots, lockMs: 15_000 },
  )
  await worker.waitUntilReady()
  return {
    async stop() {
      await worker.close()
      queueRedis.disconnect()
      redis.disconnect()
    },
  }
}
