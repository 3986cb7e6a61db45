import { createRecord, type JobRecord } from '@menagerie/contract/job-record'
import type { PredictionStatus } from '@menagerie/contract/prediction'
import type { PredictionRead } from './record-reader.ts'

/** A status that a prediction has reached. */
export interface StatusChange {
  /** From 1 on and growing; the same wherever and whenever the record is read. */
  number: number
  /** The reading as it was then; the latest one as it is now. */
  read: PredictionRead
}

const NUMBER = { queued: 1, processing: 2, ended: 3 }

/** Whether it had begun before it ended. A worker may still take what was canceled or has expired a moment ago. */
const wasProcessed = ({ startedAt, processedOn, canceledAt }: JobRecord, end: PredictionStatus): boolean => {
  if (end === 'expired') return false
  if (end === 'canceled') return startedAt !== null && canceledAt !== null && startedAt <= canceledAt
  return startedAt !== null || processedOn !== null
}

/** Every status that a prediction has reached so far, in order: a pure function of its record. */
export const listStatusChanges = (read: PredictionRead): StatusChange[] => {
  const { record, status } = read
  const accepted = createRecord(record.id, record.data, record.createdAt)
  const { startedAt, processedOn, attemptsStarted } = record
  const queued: PredictionRead = { ...read, status: 'queued', position: null, record: accepted }
  const begun = { ...accepted, startedAt, processedOn, attemptsStarted }
  const processing: PredictionRead = { ...queued, status: 'processing', record: begun }

  if (status === 'queued') return [{ number: NUMBER.queued, read }]
  const before = [{ number: NUMBER.queued, read: queued }]
  if (status === 'processing') return [...before, { number: NUMBER.processing, read }]
  if (wasProcessed(record, status)) before.push({ number: NUMBER.processing, read: processing })
  return [...before, { number: NUMBER.ended, read }]
}
