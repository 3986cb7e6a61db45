import { formatFailedReason } from '@menagerie/contract/errors'
import {
  predictQueueName,
  WEBHOOK_JOB_NAME,
  WEBHOOK_JOB_OPTIONS,
  WEBHOOK_QUEUE_NAME,
  type PredictJobData,
  type PredictReturnValue,
} from '@menagerie/contract/job'
import { CANCELED_AT_FIELD, STARTED_AT_FIELD } from '@menagerie/contract/job-record'
import type { Label } from '@menagerie/contract/model-manifest'
import type { WorkerHeartbeat } from '@menagerie/contract/registry'
import { startWebhookId } from '@menagerie/contract/webhook'
import { createKeys, jobKey } from '@menagerie/shared/keys'
import { createRedisUploadStore } from '@menagerie/shared/upload-store/redis-upload-store'
import { createWorkerRegistry, HEARTBEAT_INTERVAL_MS } from '@menagerie/shared/worker-registry'
import { Queue, UnrecoverableError, Worker, type Job } from 'bullmq'
import { Redis } from 'ioredis'
import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { atEnd } from './at-end.ts'
import { MODEL, type TestGateway } from './open-test-gateway.ts'

export type Answer = (job: Job<PredictJobData>) => Promise<PredictReturnValue>

export const LABELS: Label[] = [
  ['n02099601', 'golden_retriever'],
  ['n02486410', 'baboon'],
  ['n01440764', 'tench'],
]
/** Of a fake model with this digest. */
export const fingerprintOf = (digest: string): string => `fingerprint-of-${digest}`
export const DIGEST = `sha256:${'5'.repeat(64)}`
const PROBABILITIES: Array<[number, number]> = [
  [0, 0.7],
  [1, 0.2],
  [2, 0.1],
]

export const makeReturnValue = (changes: Partial<PredictReturnValue> = {}): PredictReturnValue => ({
  top_k: PROBABILITIES,
  cache: 'miss',
  confident: true,
  preprocess_ms: 1.5,
  predict_ms: 2.5,
  worker: 'fake-worker',
  digest: DIGEST,
  trained: true,
  ...changes,
})

const CANCELED_REASON = formatFailedReason('prediction_canceled', 'it was canceled')

/** Answers at once: a golden retriever. */
export const succeed: Answer = async (job) =>
  makeReturnValue({ top_k: PROBABILITIES.slice(0, job.data.top_k) })

/** Fails at once and for good, with this text as the job's `failedReason`. */
export const failWith =
  (failedReason: string): Answer =>
  async () => {
    throw new UnrecoverableError(failedReason)
  }

/** An answer that is given when `open()` is called, and at once from then on. */
export const createGate = (answer: Answer = succeed) => {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  const gated: Answer = async (job) => {
    await opened
    return answer(job)
  }
  return { answer: gated, open: () => open() }
}

export interface FakeModel {
  name?: string
  trained?: boolean
  digest?: string
  labels?: Label[]
  animals_only?: boolean
}

/** Publishes a model and the heartbeat of a worker that serves it, and keeps it fresh until the test ends. */
export const registerFakeWorker = async (
  t: TestContext,
  gateway: Pick<TestGateway, 'redisUrl' | 'prefix'>,
  model: FakeModel = {},
  heartbeat: Partial<WorkerHeartbeat> = {},
): Promise<void> => {
  const redis = new Redis(gateway.redisUrl, { maxRetriesPerRequest: null })
  redis.on('error', () => undefined)
  atEnd(t, 'registry of the fake worker', () => redis.disconnect())
  const registry = createWorkerRegistry({ redis, keys: createKeys(gateway.prefix) })
  const { name = MODEL, trained = true, digest = DIGEST, labels = LABELS, animals_only = false } = model
  const id = `fake-${randomUUID()}`
  const publish = async (): Promise<void> => {
    await registry.registerModel({
      name,
      description: 'knows three animals',
      digest,
      fingerprint: fingerprintOf(digest),
      trained,
      animals_only,
      labels,
      input: {
        layout: 'NCHW',
        channels: 'RGB',
        resize: 256,
        crop: 224,
        interpolation: 'bilinear',
        scale: 1 / 255,
        mean: [0, 0, 0],
        std: [1, 1, 1],
      },
    })
    await registry.beat({
      id,
      model: name,
      digest,
      state: 'ready',
      threads: 2,
      service_ms: 100,
      rss_bytes: 1,
      jobs: 0,
      started_at: new Date().toISOString(),
      ...heartbeat,
    })
  }
  await publish()
  const timer = setInterval(() => void publish().catch(() => undefined), HEARTBEAT_INTERVAL_MS)
  atEnd(t, 'heartbeat', () => clearInterval(timer))
}

/**
 * A consumer that speaks the worker's protocol and needs no model: it registers, takes jobs of `predict.<model>`,
 * answers what the test says unless it was canceled, and drops the pictures.
 */
export const startFakeWorker = async (
  t: TestContext,
  gateway: Pick<TestGateway, 'redisUrl' | 'prefix'>,
  options: { answer?: Answer; concurrency?: number; model?: FakeModel } = {},
): Promise<Worker> => {
  const { answer = succeed, concurrency = 1, model = {} } = options
  const { prefix } = gateway
  await registerFakeWorker(t, gateway, model)
  const redis = new Redis(gateway.redisUrl, { maxRetriesPerRequest: null })
  redis.on('error', () => undefined)
  atEnd(t, 'redis of the fake worker', () => redis.disconnect())
  const keys = createKeys(prefix)
  const uploads = createRedisUploadStore({ redis, keys })
  const queueName = predictQueueName(model.name ?? MODEL)
  const webhooks = new Queue(WEBHOOK_QUEUE_NAME, { connection: redis, prefix })
  webhooks.on('error', () => undefined)
  const tellStart = async ({ id = '', data, timestamp }: Job<PredictJobData>): Promise<void> => {
    if (data.start_webhook === undefined) return
    const started = { created_at: timestamp, started_at: Date.now() }
    const webhook = {
      v: 1,
      ...data.start_webhook,
      prediction_id: id,
      model: data.model,
      prediction: data,
      started,
    }
    const jobId = startWebhookId(data.idempotency?.submission_id ?? id)
    await webhooks.add(WEBHOOK_JOB_NAME, webhook, { ...WEBHOOK_JOB_OPTIONS, jobId })
  }
  const worker = new Worker<PredictJobData, PredictReturnValue>(
    queueName,
    async (job) => {
      const key = jobKey(prefix, queueName, job.id ?? '')
      await redis.hsetnx(key, STARTED_AT_FIELD, Date.now())
      if ((await redis.hexists(key, CANCELED_AT_FIELD)) === 1) throw new UnrecoverableError(CANCELED_REASON)
      await tellStart(job)
      return answer(job)
    },
    { connection: redis, prefix, concurrency },
  )
  const announce = (job: Job<PredictJobData> | undefined): void => {
    if (job?.finishedOn === undefined) return
    void redis.publish(keys.ended, job.id ?? '').catch(() => undefined)
    // What has failed may be replayed.
    if (job.failedReason === undefined || job.failedReason === CANCELED_REASON) {
      void uploads.delete(job.data.upload.id ?? '').catch(() => undefined)
    }
  }
  worker.on('completed', announce)
  worker.on('failed', announce)
  worker.on('error', () => undefined)
  // By force: a gate that was never opened would hold it up.
  atEnd(t, 'fake worker', () => worker.close(true))
  await worker.waitUntilReady()
  return worker
}
