import { AppError } from '@menagerie/contract/errors'
import { PredictJobData, predictQueueName } from '@menagerie/contract/job'
import {
  CANCELED_AT_FIELD,
  isPastDeadline,
  OPEN_RUNS_FIELD,
  STARTED_AT_FIELD,
} from '@menagerie/contract/job-record'
import type { TraceContext } from '@menagerie/contract/trace-context'
import { jobKey } from '@menagerie/shared/keys'
import { listenForAbort } from '@menagerie/inference/listen-for-abort'
import { GO_ON_WHEN_FULL, READ_NOW } from '@menagerie/shared/lua'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import { runSpan } from '@menagerie/tracing/run-span'
import type { Tracer } from '@menagerie/tracing/tracer'
import type { Job } from 'bullmq'
import type { RedisConnection } from '@menagerie/shared/redis'

export interface JobStartDeps {
  redis: RedisConnection
  uploads: UploadStore
  tracer: Tracer
  prefix: string
}

/** How many workers may die while they run a prediction; then it fails as `worker_lost`. */
const WORKER_DEATHS_MAX = 3

// A worker that was stopped for a while may come too late: the job has ended, or is gone and must not come back as a stump.
const STOP_WITHOUT_JOB = `
if redis.call('HEXISTS', KEYS[1], 'data') == 0 or redis.call('HEXISTS', KEYS[1], 'finishedOn') == 1 then return end`

// Which run was noted last. A command whose reply was lost with its connection is sent again, and must not count twice.
const BEGUN_RUN_FIELD = 'begunRun'
const ENDED_RUN_FIELD = 'endedRun'

/**
 * KEYS: job hash. ARGV: number of the run. Notes the first start by Redis' own clock, and one more run, also while Redis
 * is full: a worker that failed there used up all attempts of a job, though to run it is what makes room. Returns
 * `[startedAt, runs that have told of no end, canceledAt or nil]`.
 */
const MARK_START = `
${GO_ON_WHEN_FULL}
${STOP_WITHOUT_JOB}
${READ_NOW}
redis.call('HSETNX', KEYS[1], '${STARTED_AT_FIELD}', now)
if redis.call('HGET', KEYS[1], '${BEGUN_RUN_FIELD}') ~= ARGV[1] then
  redis.call('HSET', KEYS[1], '${BEGUN_RUN_FIELD}', ARGV[1])
  redis.call('HINCRBY', KEYS[1], '${OPEN_RUNS_FIELD}', 1)
end
return redis.call('HMGET', KEYS[1], '${STARTED_AT_FIELD}', '${OPEN_RUNS_FIELD}', '${CANCELED_AT_FIELD}')`

const hashKey = (deps: JobStartDeps, job: Job, data: PredictJobData): string =>
  jobKey(deps.prefix, predictQueueName(data.model), job.id ?? '')

/** A store that hangs must not keep a worker from stopping. */
const waitFor = async <T>(fetching: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  const { aborted, stop } = listenForAbort(signal)
  return Promise.race([fetching, aborted]).finally(stop)
}

/**
 * Begins a run: notes when the first one began, looks whether the job was canceled, is past its deadline or has killed
 * too many workers, and fetches the bytes; all of it at the same time. Every run that begins here must come to `endRun`,
 * or it counts as a death of its worker. What is not to be run is told so also while the store of the pictures is away.
 *
 * @param trace of the run
 * @returns the bytes of the picture, null when they are gone or the answer is known; and when the first run began, epoch ms
 * @throws AppError `prediction_canceled`, `prediction_expired`, `worker_lost`, `upload_store_unavailable`; the reason of
 *   `signal` when that fires before the bytes are there
 */
export const startRun = async (
  deps: JobStartDeps,
  job: Job,
  data: PredictJobData,
  { signal, trace }: { signal?: AbortSignal | undefined; trace?: TraceContext | undefined },
): Promise<{ bytes: Buffer | null; startedAt: number }> => {
  const fetch = (uploadId: string): Promise<Buffer | null> =>
    runSpan(deps.tracer, 'store get', { parent: trace }, () => deps.uploads.get(uploadId))
  const fetching = data.upload.id === null ? Promise.resolve(null) : fetch(data.upload.id)
  // It is looked at below, if the job is to be run.
  fetching.catch(() => undefined)
  const marks = await deps.redis.eval(MARK_START, 1, hashKey(deps, job, data), job.attemptsStarted)
  // What is thrown leads nowhere: without its lock this worker cannot end the job.
  if (marks === null) throw new AppError('prediction_canceled', 'it has ended or was deleted meanwhile')
  const [startedAt, openRuns, canceledAt] = marks as [string, string, string | null]
  if (canceledAt !== null) throw new AppError('prediction_canceled', 'it was canceled')
  if (isPastDeadline(data.deadline, Number(startedAt))) {
    throw new AppError('prediction_expired', 'no worker started it before its deadline')
  }
  if (Number(openRuns) > WORKER_DEATHS_MAX) {
    throw new AppError('worker_lost', `${WORKER_DEATHS_MAX} workers died while they ran this prediction`)
  }
  return { bytes: await waitFor(fetching, signal), startedAt: Number(startedAt) }
}

/** KEYS: job hash. ARGV: number of the run. One run less that has told of no end. */
const MARK_END = `
${GO_ON_WHEN_FULL}
${STOP_WITHOUT_JOB}
if redis.call('HGET', KEYS[1], '${ENDED_RUN_FIELD}') == ARGV[1] then return end
redis.call('HSET', KEYS[1], '${ENDED_RUN_FIELD}', ARGV[1])
redis.call('HINCRBY', KEYS[1], '${OPEN_RUNS_FIELD}', -1)`

/** Notes that a run has ended, if not well: its worker has survived it. A success needs no note. */
export const endRun = async (deps: JobStartDeps, job: Job, data: PredictJobData): Promise<void> => {
  await deps.redis.eval(MARK_END, 1, hashKey(deps, job, data), job.attemptsStarted)
}
