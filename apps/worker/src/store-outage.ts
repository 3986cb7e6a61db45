import type { AppError } from '@menagerie/contract/errors'
import { listenForAbort } from '@menagerie/inference/listen-for-abort'
import { coerceError } from '@menagerie/shared/coerce-error'
import { createErrorLog } from '@menagerie/shared/error-log'
import { GO_ON_WHEN_FULL } from '@menagerie/shared/lua'
import type { RedisConnection } from '@menagerie/shared/redis'
import { isStoreFull } from '@menagerie/shared/upload-store/store-error'
import { tryUploadStore } from '@menagerie/shared/upload-store/try-upload-store'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import { DelayedError, WaitingError, type Job, type Worker } from 'bullmq'
import type { Logger } from 'pino'
import { handBackJob } from './hand-back.ts'

const LOOK_INTERVAL_MS = 1000
const DELAY_MS = 1000
const DELAY_MAX_MS = 60_000
// With the delays above a quarter of an hour.
const UNREADABLE_RUNS_MAX = 20

/** Of a job's hash: how often its picture alone could not be read. Runs that began while the store was away do not count. */
export const UNREADABLE_RUNS_FIELD = 'unreadableRuns'

/** KEYS: job hash. Counts one more, also while Redis is full; not for a job that is gone, which must not come back as a stump. */
const COUNT_UNREADABLE = `
${GO_ON_WHEN_FULL}
if redis.call('HEXISTS', KEYS[1], 'data') == 0 then return 1 end
return redis.call('HINCRBY', KEYS[1], '${UNREADABLE_RUNS_FIELD}', 1)`

export interface StoreOutage {
  /** Says in the log when the store cannot be used, as it may be long before the first job tells. */
  check(): Promise<void>
  /** Whether this worker takes no jobs, because it could not read their pictures. */
  isOn(): boolean
  /**
   * Puts off a job whose picture could not be read, without using up an attempt: throws what tells BullMQ so. Returns when
   * the picture is the only one that cannot be read, and has had its time. Once `signal` fires it is given back, without a
   * look at the store.
   */
  putOff(job: Job, token: string | undefined, error: AppError, signal?: AbortSignal): Promise<void>
  /** The consumer that is paused; once. */
  guard(worker: Pick<Worker, 'pause' | 'resume'>): void
  stop(): void
}

/**
 * What a worker does while the store of the pictures cannot be used: as with Redis, it waits. It gives its jobs back to
 * their places, for workers that can read them, and takes none until it can again; else it would go through the whole
 * queue, and begin every job in it for nothing.
 */
export const createStoreOutage = (deps: {
  redis: RedisConnection
  uploads: UploadStore
  log: Logger
}): StoreOutage => {
  const errors = createErrorLog(deps.log, 'the store of the pictures cannot be used; jobs have to wait')
  let worker: Pick<Worker, 'pause' | 'resume'> | null = null
  let timer: NodeJS.Timeout | null = null
  let isStopped = false

  const findFault = async (): Promise<Error | null> => {
    const fault = await tryUploadStore(deps.uploads).then(() => null, coerceError)
    // A worker that waited for room would never make any.
    return fault === null || isStoreFull(fault) ? null : fault
  }

  /** Also while a store hangs a worker must be able to stop. */
  const isUsable = async (signal: AbortSignal | undefined): Promise<boolean> => {
    const { aborted, stop } = listenForAbort(signal)
    const usable = findFault().then((fault) => fault === null)
    return Promise.race([usable, aborted.catch(() => false)]).finally(stop)
  }

  const look = async (): Promise<void> => {
    if ((await findFault()) !== null) {
      if (!isStopped) timer = setTimeout(() => void look(), LOOK_INTERVAL_MS)
      return
    }
    timer = null
    if (isStopped) return
    if (errors.settle()) deps.log.info('the store of the pictures can be used again')
    await worker?.resume()
  }

  const begin = (): void => {
    if (timer !== null || isStopped) return
    timer = setTimeout(() => void look(), LOOK_INTERVAL_MS)
    // Jobs in hand come back here by themselves.
    void worker?.pause(true)
  }

  const delay = async (job: Job, token: string | undefined): Promise<void> => {
    const runs = Number(await deps.redis.eval(COUNT_UNREADABLE, 1, `${job.queueQualifiedName}:${job.id}`))
    if (runs > UNREADABLE_RUNS_MAX) return
    const delayMs = Math.min(DELAY_MAX_MS, DELAY_MS * 2 ** (runs - 1))
    await job.moveToDelayed(Date.now() + delayMs, token)
    throw new DelayedError()
  }

  return {
    async check() {
      const fault = await findFault()
      if (fault !== null) errors.report(fault)
    },
    isOn: () => timer !== null,
    async putOff(job, token, error, signal) {
      errors.report(error)
      // One picture that cannot be read must not hold up those behind it.
      if (timer === null && (await isUsable(signal))) return delay(job, token)
      if (signal?.aborted !== true) begin()
      await handBackJob(deps.redis, job, token ?? '')
      throw new WaitingError()
    },
    guard(guarded) {
      worker = guarded
    },
    stop() {
      isStopped = true
      if (timer !== null) clearTimeout(timer)
    },
  }
}
