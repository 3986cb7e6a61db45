import { parseFailedReason } from '@menagerie/contract/errors'
import { PredictReturnValue, type PredictJobData } from '@menagerie/contract/job'
import { createRecord, readStatus, type JobRecord } from '@menagerie/contract/job-record'
import type { Job } from 'bullmq'
import Value from 'typebox/value'
import type { PredictionRead } from '../record-reader.ts'

/**
 * The outcome of a prediction whose record is gone, because no gateway came to its webhook within `RESULT_TTL`, from what
 * BullMQ noted at the webhook's job when the prediction ended. When exactly that was is lost. Null when nothing was noted.
 *
 * @param canceledAt when it was canceled, as the webhook's job says: its worker may have finished it all the same
 */
export const rebuildRecord = async (
  job: Pick<Job, 'timestamp' | 'getChildrenValues' | 'getIgnoredChildrenFailures'>,
  id: string,
  data: PredictJobData,
  canceledAt: number | null,
): Promise<PredictionRead | null> => {
  const nowMs = Date.now()
  const record: JobRecord = { ...createRecord(id, data, job.timestamp), canceledAt, finishedOn: nowMs }
  const end = (changes: Partial<JobRecord>): PredictionRead => {
    const ended = { ...record, ...changes }
    return { record: ended, status: readStatus(ended, nowMs), nowMs, position: null }
  }

  const [returnValue] = Object.values(await job.getChildrenValues<unknown>())
  // Begun in time, or it would not have ended well.
  const startedAt = job.timestamp
  if (Value.Check(PredictReturnValue, returnValue)) return end({ startedAt, returnValue })

  const [failedReason] = Object.values(await job.getIgnoredChildrenFailures())
  if (failedReason === undefined) return null
  const { code } = parseFailedReason(failedReason)
  if (code === 'prediction_canceled') return end({ canceledAt: canceledAt ?? nowMs })
  if (code === 'prediction_expired') return end({ startedAt: data.deadline + 1, failedReason })
  return end({ startedAt, failedReason })
}
