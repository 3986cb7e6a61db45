import { AppError } from '@menagerie/contract/errors'
import { PredictJobData, predictQueueName } from '@menagerie/contract/job'
import { CANCELED_AT_FIELD, isPastDeadline, STARTED_AT_FIELD } from '@menagerie/contract/job-record'
import { jobKey } from '@menagerie/shared/keys'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import type { Job } from 'bullmq'
import type { Redis } from 'ioredis'

export interface JobStartDeps {
  redis: Redis
  uploads: UploadStore
  prefix: string
}

/** KEYS: job hash. Notes the first start by Redis' own clock; returns `[startedAt, canceledAt or false]`. */
const MARK_START = `
local now = redis.call('TIME')
redis.call('HSETNX', KEYS[1], '${STARTED_AT_FIELD}', now[1] * 1000 + math.floor(now[2] / 1000))
return redis.call('HMGET', KEYS[1], '${STARTED_AT_FIELD}', '${CANCELED_AT_FIELD}')`

/**
 * Begins an attempt: notes when the first one began, looks whether the job was canceled or is past its deadline,
 * and fetches the bytes; all of it in the time of one round trip.
 *
 * @throws AppError `prediction_canceled`, `prediction_expired`, `upload_expired`
 */
export const startJob = async (deps: JobStartDeps, job: Job, data: PredictJobData): Promise<Buffer> => {
  const key = jobKey(deps.prefix, predictQueueName(data.model), job.id ?? '')
  const [marks, bytes] = await Promise.all([
    deps.redis.eval(MARK_START, 1, key),
    deps.uploads.get(data.upload.id),
  ])
  const [startedAt, canceledAt] = marks as [string, string | null]
  if (canceledAt !== null) throw new AppError('prediction_canceled', 'it was canceled')
  if (isPastDeadline(data.deadline, Number(startedAt))) {
    throw new AppError('prediction_expired', 'no worker started it before its deadline')
  }
  if (bytes === null) throw new AppError('upload_expired', 'the uploaded picture is gone')
  return bytes
}
