import { Compile } from 'typebox/compile'
import { CANCELED_AT_FIELD, STARTED_AT_FIELD, type JobRecord } from './job-record.ts'
import { PredictJobData, PredictReturnValue } from './job.ts'

/** What of a job's hash changes after it was accepted, and when that was. */
export const PROGRESS_FIELDS = [
  'timestamp',
  'processedOn',
  'finishedOn',
  'ats',
  'failedReason',
  'returnvalue',
  STARTED_AT_FIELD,
  CANCELED_AT_FIELD,
] as const

/** Values of `PROGRESS_FIELDS`, in their order; null (from Lua's JSON: false) where there is none. */
export type ProgressValues = ReadonlyArray<string | null | false>

interface Schema<T> {
  Check(value: unknown): value is T
}

const parseJson = <T>(text: string | null | false | undefined, schema: Schema<T>): T | null => {
  if (typeof text !== 'string') return null
  const value: unknown = JSON.parse(text)
  return schema.Check(value) ? value : null
}
const parseNumber = (text: string | null | false | undefined): number | null =>
  typeof text === 'string' ? Number(text) : null

// Compiled once: every answer passes here.
const jobData = Compile(PredictJobData)
const returnValue = Compile(PredictReturnValue)

/** The `data` field of a job's hash, or null when it is not that of a prediction. */
export const parseJobData = (text: string | null | undefined): PredictJobData | null =>
  parseJson(text, jobData)

/** The record of a prediction from its data and the values of `PROGRESS_FIELDS`; null when there is no such job. */
export const parseRecord = (id: string, data: PredictJobData, values: ProgressValues): JobRecord | null => {
  const [timestamp, processedOn, finishedOn, started, failedReason, returned, startedAt, canceledAt] = values
  const createdAt = parseNumber(timestamp)
  if (createdAt === null) return null
  return {
    id,
    data,
    createdAt,
    startedAt: parseNumber(startedAt),
    processedOn: parseNumber(processedOn),
    finishedOn: parseNumber(finishedOn),
    canceledAt: parseNumber(canceledAt),
    attemptsStarted: parseNumber(started) ?? 0,
    failedReason: failedReason || null,
    returnValue: parseJson(returned, returnValue),
  }
}
