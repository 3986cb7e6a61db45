import { predictQueueName } from '@menagerie/contract/job'
import { createErrorLog } from '@menagerie/shared/error-log'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import { Worker, type Job } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { ProcessJob } from './process-job.ts'

export interface JobWorkerOptions {
  model: string
  prefix: string
  /** Predictions that run at the same time. */
  threads: number
  /** Jobs held at the same time; null: as many as keep the threads busy. */
  concurrency: number | null
}

// Inference is off this thread, so locks are renewed in time; a dead worker's jobs run again within 20 s.
const LOCK_MS = 15_000
const STALLED_INTERVAL_MS = 5000
/** How often a prediction is started again after its worker died; then it fails as `worker_lost`. */
const WORKER_DEATHS_MAX = 3
// One spare image per two sessions is decoded while the others run; the queue then always has a next job when one
// finishes, and BullMQ hands it over in the same script that completes the last one. Two per session would empty the
// queue of a closed loop and cost a blocking read and two more scripts per job, and hoard jobs that an idle worker
// could run.
const JOBS_PER_THREAD = 1.5
const JOBS_MIN = 2

const uploadIdOf = (job: Job): string | undefined =>
  (job.data as { upload?: { id?: string } } | undefined)?.upload?.id

export interface JobWorkerDeps {
  redis: Redis
  uploads: UploadStore
  process: ProcessJob
  /** Tells the gateways that a prediction has ended. */
  announceEnd: (id: string) => Promise<unknown>
  log: Logger
}

/** The BullMQ consumer of one model's queue; when a prediction has ended, announces it and drops the picture. */
export const createJobWorker = (deps: JobWorkerDeps, options: JobWorkerOptions): Worker => {
  const { log } = deps
  const worker = new Worker(
    predictQueueName(options.model),
    // Three declared parameters, or BullMQ passes no signal.
    (job: Job, token?: string, signal?: AbortSignal) => deps.process(job, token, signal),
    {
      connection: deps.redis,
      prefix: options.prefix,
      concurrency: options.concurrency ?? Math.max(JOBS_MIN, Math.ceil(options.threads * JOBS_PER_THREAD)),
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_INTERVAL_MS,
      maxStalledCount: WORKER_DEATHS_MAX,
    },
  )
  // What is missed here is made up for: whoever waits looks again by himself, and the picture expires.
  const settle = (job: Job): void => {
    const uploadId = uploadIdOf(job)
    Promise.all([
      deps.announceEnd(job.id ?? ''),
      uploadId === undefined ? null : deps.uploads.delete(uploadId),
    ]).catch((err: unknown) =>
      log.warn({ err, predictionId: job.id }, 'end not announced, or upload not deleted'),
    )
  }
  worker.on('completed', settle)
  worker.on('failed', (job, err) => {
    if (job?.finishedOn === undefined) return
    log.info({ predictionId: job.id, reason: err.message }, 'prediction failed')
    settle(job)
  })
  worker.on('stalled', (jobId) =>
    log.warn({ predictionId: jobId }, 'a worker died while running this; it runs again'),
  )
  worker.on('error', createErrorLog(log, 'queue error').report)
  return worker
}
