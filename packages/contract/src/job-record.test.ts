import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFailedReason } from './errors.ts'
import { createRecord, isPastDeadline, readStatus, type JobRecord } from './job-record.ts'
import type { PredictJobData, PredictReturnValue } from './job.ts'
import type { PredictionStatus } from './prediction.ts'

const DEADLINE = 10_000
const IN_TIME = DEADLINE - 5000
const LATE = DEADLINE + 1

const DATA: PredictJobData = {
  v: 1,
  model: 'm',
  top_k: 5,
  upload: { id: 'u1', bytes: 3, sha256: '00', content_type: 'image/jpeg', filename: null },
  metadata: {},
  deadline: DEADLINE,
}

const makeRecord = (fields: Partial<JobRecord> = {}): JobRecord => ({
  ...createRecord('p1', DATA, 0),
  ...fields,
})

test('a job may begin until its deadline', () => {
  assert.equal(isPastDeadline(DEADLINE, DEADLINE), false)
  assert.equal(isPastDeadline(DEADLINE, DEADLINE + 1), true)
})

const expiredReason = formatFailedReason('prediction_expired', 'too late')
const brokenReason = formatFailedReason('image_undecodable', 'damaged')

const returnValue: PredictReturnValue = {
  top_k: [[207, 0.9]],
  cache: 'miss',
  confident: true,
  preprocess_ms: 1,
  predict_ms: 1,
  worker: 'w',
  digest: 'd',
  trained: true,
}

const CASES: [what: string, status: PredictionStatus, nowMs: number, fields: Partial<JobRecord>][] = [
  ['nobody took it', 'queued', IN_TIME, {}],
  ['nobody took it yet at the deadline', 'queued', DEADLINE, {}],
  ['nobody took it in time', 'expired', LATE, {}],
  ['taken, not yet marked', 'processing', IN_TIME, { processedOn: IN_TIME }],
  ['taken and marked', 'processing', IN_TIME, { processedOn: IN_TIME, startedAt: IN_TIME }],
  ['runs across its deadline', 'processing', LATE, { processedOn: IN_TIME, startedAt: IN_TIME }],
  ['tried again after its deadline', 'processing', LATE, { processedOn: LATE, startedAt: IN_TIME }],
  ['begun at the deadline', 'processing', LATE, { processedOn: DEADLINE, startedAt: DEADLINE }],
  ['first taken too late', 'expired', LATE, { processedOn: LATE, startedAt: LATE }],
  ['taken in time, but not marked in time', 'expired', LATE, { processedOn: IN_TIME }],
  [
    'finished',
    'succeeded',
    LATE,
    { processedOn: IN_TIME, startedAt: IN_TIME, finishedOn: LATE, returnValue },
  ],
  // BullMQ keeps the failed reason of the attempt before.
  [
    'finished on the second attempt',
    'succeeded',
    LATE,
    { processedOn: LATE, startedAt: IN_TIME, finishedOn: LATE, returnValue, failedReason: brokenReason },
  ],
  [
    'failed',
    'failed',
    IN_TIME,
    { processedOn: IN_TIME, startedAt: IN_TIME, finishedOn: IN_TIME, failedReason: brokenReason },
  ],
  [
    'failed for a reason that nobody knows',
    'failed',
    IN_TIME,
    { processedOn: IN_TIME, startedAt: IN_TIME, finishedOn: IN_TIME, failedReason: 'boom' },
  ],
  [
    'failed on an attempt, waits for the next',
    'processing',
    IN_TIME,
    { processedOn: IN_TIME, startedAt: IN_TIME, failedReason: brokenReason },
  ],
  [
    'refused by a worker as too late',
    'expired',
    LATE,
    { processedOn: LATE, startedAt: LATE, finishedOn: LATE, failedReason: expiredReason },
  ],
  [
    'taken too late by workers that died before they could refuse it',
    'expired',
    LATE,
    { processedOn: LATE, finishedOn: LATE, failedReason: 'job stalled more than allowable limit' },
  ],
  [
    'begun in time by workers that all died',
    'failed',
    LATE,
    {
      processedOn: LATE,
      startedAt: IN_TIME,
      finishedOn: LATE,
      failedReason: 'job stalled more than allowable limit',
    },
  ],
  ['canceled while it waits', 'canceled', IN_TIME, { canceledAt: IN_TIME }],
  ['canceled, and its deadline went by', 'canceled', LATE, { canceledAt: IN_TIME }],
  ['canceled while it runs', 'canceled', IN_TIME, { processedOn: IN_TIME, canceledAt: IN_TIME }],
  [
    'canceled, and the run came to its end all the same',
    'canceled',
    IN_TIME,
    { processedOn: IN_TIME, startedAt: IN_TIME, canceledAt: IN_TIME, finishedOn: IN_TIME },
  ],
]
test('the status follows from the record and the time', () => {
  for (const [what, status, nowMs, fields] of CASES) {
    assert.equal(readStatus(makeRecord(fields), nowMs), status, what)
  }
})
