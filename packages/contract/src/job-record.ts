import type { PredictJobData, PredictReturnValue } from './job.ts'
import type { PredictionStatus } from './prediction.ts'

/** What is read of a prediction's job hash, decoded. Times are epoch ms, null while they have not happened. */
export interface JobRecord {
  id: string
  data: PredictJobData
  createdAt: number
  /**
   * When the first attempt began, by Redis' clock. Written once, unlike `processedOn`, which every attempt
   * overwrites with the time of its worker.
   */
  startedAt: number | null
  processedOn: number | null
  finishedOn: number | null
  canceledAt: number | null
  /** How often a worker has taken it. */
  attemptsStarted: number
  failedReason: string | null
  returnValue: PredictReturnValue | null
}

/** The record of a prediction as it is when it has just been accepted. */
export const createRecord = (id: string, data: PredictJobData, createdAt: number): JobRecord => ({
  id,
  data,
  createdAt,
  startedAt: null,
  processedOn: null,
  finishedOn: null,
  canceledAt: null,
  attemptsStarted: 0,
  failedReason: null,
  returnValue: null,
})

/** Fields that we add to BullMQ's job hash. */
export const STARTED_AT_FIELD = 'startedAt'
export const CANCELED_AT_FIELD = 'canceledAt'
/** Whoever asks is told that there is no such prediction; what is left of it is on its way out. */
export const DELETED_AT_FIELD = 'deletedAt'
/** Of a failed prediction: the id of the one that repeats it. */
export const REPLAYED_BY_FIELD = 'replayedBy'
/** How many runs have begun and told of no end: those going on, and those whose worker died. */
export const OPEN_RUNS_FIELD = 'openRuns'

/**
 * Whether a job that began at `startedAt`, or that nobody has begun by then, missed its deadline. Worker and gateway
 * apply this one rule, to times of Redis' clock only, so what one of them has called expired the other never runs.
 */
export const isPastDeadline = (deadline: number, startedAt: number): boolean => startedAt > deadline

/**
 * The status of a prediction, as a pure and monotone function of its job hash: once terminal, it stays, because
 * each field it looks at first is written at most once. `nowMs` is Redis' time.
 */
export const readStatus = (record: JobRecord, nowMs: number): PredictionStatus => {
  if (record.canceledAt !== null) return 'canceled'
  const { finishedOn, failedReason, returnValue } = record
  // A failed attempt leaves its reason in the hash, and a later success does not delete it.
  if (finishedOn !== null && (returnValue !== null || failedReason === null)) return 'succeeded'
  // Before `failed`: a job that was taken too late has been seen as expired, even if the workers that took it died
  // before they could say so.
  if (isPastDeadline(record.data.deadline, record.startedAt ?? finishedOn ?? nowMs)) return 'expired'
  if (finishedOn !== null) return 'failed'
  return record.startedAt === null && record.processedOn === null ? 'queued' : 'processing'
}
