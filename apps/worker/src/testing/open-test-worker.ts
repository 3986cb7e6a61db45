import {
  JOB_PRIORITY,
  PREDICT_JOB_NAME,
  predictQueueName,
  WEBHOOK_QUEUE_NAME,
  type PredictJobData,
} from '@menagerie/contract/job'
import { readTestPicture } from '@menagerie/harness/pictures'
import { testModelEnv } from '@menagerie/harness/processes'
import { createKeys } from '@menagerie/shared/keys'
import { createRedisUploadStore } from '@menagerie/shared/upload-store/redis-upload-store'
import { Queue, QueueEvents, type Job, type JobsOptions } from 'bullmq'
import { Redis } from 'ioredis'
import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { loadConfig } from '../config.ts'
import { openWorker } from '../open-worker.ts'

const UPLOAD_TTL_MS = 600_000
const OUTCOME_TIMEOUT_MS = 60_000

/** A queue of its own, by default on the test run's Redis, with what a gateway would put into it. */
export const openTestQueue = async (url = process.env['TEST_REDIS_URL']) => {
  if (url === undefined) throw new Error('TEST_REDIS_URL is not set; run the tests with pnpm test')
  const modelEnv = await testModelEnv()
  const env: Record<string, string> & { REDIS_PREFIX: string } = {
    ...modelEnv,
    REDIS_URL: url,
    REDIS_PREFIX: `test-${randomUUID()}`,
    PROBE_PORT: '0',
    INFERENCE_THREADS: '1',
  }
  const model = modelEnv['MODEL'] ?? ''
  const redis = new Redis(url, { maxRetriesPerRequest: null })
  const connection = { connection: redis, prefix: env.REDIS_PREFIX }
  const queue = new Queue(predictQueueName(model), connection)
  const events = new QueueEvents(predictQueueName(model), connection)
  const webhooks = new Queue(WEBHOOK_QUEUE_NAME, connection)
  const uploads = createRedisUploadStore({ redis, keys: createKeys(env.REDIS_PREFIX) })
  await events.waitUntilReady()

  const makeData = (changes: Partial<PredictJobData> = {}): PredictJobData => ({
    v: 1,
    model,
    top_k: 3,
    upload: { id: randomUUID(), bytes: 1, sha256: '', content_type: 'image/jpeg', filename: null },
    metadata: {},
    deadline: Date.now() + UPLOAD_TTL_MS,
    ...changes,
  })

  return {
    env,
    redis,
    queue,
    /** For the gateways to deliver. */
    webhooks,
    uploads,
    makeData,
    /** Enqueues a job; with a picture unless `picture` is null. */
    async add(data: PredictJobData, picture?: Buffer | null, options: JobsOptions = {}): Promise<Job> {
      const bytes = picture === undefined ? await readTestPicture() : picture
      if (bytes !== null && data.upload.id !== null) await uploads.put(data.upload.id, bytes, UPLOAD_TTL_MS)
      return queue.add(PREDICT_JOB_NAME, data, {
        jobId: randomUUID(),
        priority: JOB_PRIORITY.ordinary,
        attempts: 3,
        ...options,
      })
    },
    /** Its return value, or the reason why it failed. */
    async outcomeOf(job: Job): Promise<{ value: unknown } | { failed: string }> {
      return job.waitUntilFinished(events, OUTCOME_TIMEOUT_MS).then(
        (value: unknown) => ({ value }),
        (error: Error) => ({ failed: error.message }),
      )
    },
    openWorker: (changes: Record<string, string> = {}) =>
      openWorker(loadConfig({ ...env, ...changes }), pino({ level: 'silent' })),
    async close() {
      await queue.obliterate({ force: true })
      await webhooks.obliterate({ force: true })
      await webhooks.close()
      await events.close()
      await queue.close()
      const left = await redis.keys(`${env.REDIS_PREFIX}:*`)
      if (left.length > 0) await redis.del(...left)
      redis.disconnect()
    },
  }
}
