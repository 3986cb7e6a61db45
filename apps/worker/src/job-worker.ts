import { parseFailedReason } from '@menagerie/contract/errors'
import { predictQueueName } from '@menagerie/contract/job'
import { planConcurrency } from '@menagerie/inference/plan-threads'
import type { AnnounceEnd } from '@menagerie/shared/announce-end'
import { createErrorLog } from '@menagerie/shared/error-log'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import { readJobTrace, traceIdsOf } from '@menagerie/tracing/trace-context'
import { Worker, type Job } from 'bullmq'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { Logger } from 'pino'
import type { ProcessJob } from './process-job.ts'
import type { StoreOutage } from './store-outage.ts'

export interface JobWorkerOptions {
  model: string
  prefix: string
  /** Predictions that run at the same time. */
  threads: number
  /** Jobs held at the same time; null: as many as keep the threads busy. */
  concurrency: number | null
  lockMs: number
}

// Inference is off this thread, so locks are renewed in time, and a dead worker can be looked for often.
const STALLED_CHECKS_PER_LOCK = 3
// How often a worker may die with a job in its hands. Far above what one that kills its workers gets to (see
// job-start.ts), because whoever was in the same hands is counted too.
const STALLED_COUNT_MAX = 25

const uploadIdOf = (job: Job): string | null =>
  (job.data as { upload?: { id?: string | null } } | undefined)?.upload?.id ?? null

const tenantOf = (job: Job): string | undefined => (job.data as { tenant?: string } | undefined)?.tenant

/** What has failed may be replayed, but for what nobody wants to be run. */
const isReplayable = (err: Error): boolean =>
  !['prediction_canceled', 'prediction_expired'].includes(parseFailedReason(err.message).code)

export interface JobWorkerDeps {
  redis: RedisConnection
  uploads: UploadStore
  process: ProcessJob
  /** Tells the gateways that a prediction has ended. */
  announceEnd: AnnounceEnd
  /** Whether there is room for pictures that may be of use: those of what failed. */
  hasSpareRoom: () => Promise<boolean>
  storeOutage: Pick<StoreOutage, 'guard'>
  log: Logger
}

/**
 * The BullMQ consumer of one model's queue; when a prediction has ended, announces it and drops the picture, unless it may
 * be replayed.
 */
export const createJobWorker = (deps: JobWorkerDeps, options: JobWorkerOptions): Worker => {
  const { log } = deps
  const worker = new Worker(
    predictQueueName(options.model),
    // Three declared parameters, or BullMQ passes no signal.
    (job: Job, token?: string, signal?: AbortSignal) => deps.process(job, token, signal),
    {
      connection: deps.redis,
      prefix: options.prefix,
      concurrency: options.concurrency ?? planConcurrency(options.threads),
      lockDuration: options.lockMs,
      stalledInterval: Math.ceil(options.lockMs / STALLED_CHECKS_PER_LOCK),
      maxStalledCount: STALLED_COUNT_MAX,
    },
  )
  deps.storeOutage.guard(worker)
  const dropUpload = async (job: Job, failure: Error | null): Promise<void> => {
    const uploadId = uploadIdOf(job)
    if (uploadId === null) return
    const isKept = failure !== null && isReplayable(failure) && (await deps.hasSpareRoom())
    if (!isKept) await deps.uploads.delete(uploadId)
  }
  // What is missed here is made up for: whoever waits looks again by himself, and the sweeper finds the picture.
  const settle = (job: Job, failure: Error | null): void => {
    Promise.all([
      deps.announceEnd(job.id ?? '', options.model, tenantOf(job)),
      dropUpload(job, failure),
    ]).catch((err: unknown) =>
      log.warn(
        { err, predictionId: job.id, ...traceIdsOf(readJobTrace(job.data)) },
        'end not announced, or upload not deleted',
      ),
    )
  }
  worker.on('completed', (job) => settle(job, null))
  worker.on('failed', (job, err) => {
    if (job?.finishedOn === undefined) return
    const ids = traceIdsOf(readJobTrace(job.data))
    log.info({ predictionId: job.id, reason: err.message, ...ids }, 'prediction failed')
    settle(job, err)
  })
  worker.on('stalled', (jobId) =>
    log.warn({ predictionId: jobId }, 'a worker died while running this; it runs again'),
  )
  worker.on('error', createErrorLog(log, 'queue error').report)
  return worker
}
