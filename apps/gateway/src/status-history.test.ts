import type { PredictJobData } from '@menagerie/contract/job'
import { createRecord, type JobRecord } from '@menagerie/contract/job-record'
import type { PredictionStatus } from '@menagerie/contract/prediction'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeReturnValue } from './testing/fake-worker.ts'
import { listStatusChanges } from './status-history.ts'

const DATA: PredictJobData = {
  v: 1,
  model: 'a-model',
  top_k: 1,
  upload: { id: 'u', bytes: 1, sha256: '', content_type: 'image/jpeg', filename: null },
  metadata: {},
  deadline: 1000,
}

const listOf = (status: PredictionStatus, changes: Partial<JobRecord> = {}) => {
  const record = { ...createRecord('an-id', DATA, 1), ...changes }
  return listStatusChanges({ record, status, nowMs: 2000, position: null })
}
const namesOf = (changes: ReturnType<typeof listOf>) =>
  changes.map(({ number, read }) => `${number} ${read.status}`)

const CASES: [what: string, status: PredictionStatus, record: Partial<JobRecord>, expected: string[]][] = [
  ['was accepted', 'queued', {}, ['1 queued']],
  ['has begun', 'processing', { startedAt: 2, processedOn: 2 }, ['1 queued', '2 processing']],
  [
    'has succeeded',
    'succeeded',
    { startedAt: 2, processedOn: 2, finishedOn: 3, returnValue: makeReturnValue() },
    ['1 queued', '2 processing', '3 succeeded'],
  ],
  [
    'has succeeded on a worker whose clock is behind',
    'succeeded',
    { startedAt: 5, processedOn: 2, finishedOn: 3, returnValue: makeReturnValue() },
    ['1 queued', '2 processing', '3 succeeded'],
  ],
  [
    'was canceled while it ran',
    'canceled',
    { startedAt: 2, canceledAt: 3 },
    ['1 queued', '2 processing', '3 canceled'],
  ],
  ['was canceled before', 'canceled', { canceledAt: 3 }, ['1 queued', '3 canceled']],
  [
    'was canceled just before a worker took it',
    'canceled',
    { canceledAt: 3, startedAt: 4 },
    ['1 queued', '3 canceled'],
  ],
  ['has expired', 'expired', {}, ['1 queued', '3 expired']],
  ['has expired just before a worker took it', 'expired', { startedAt: 1001 }, ['1 queued', '3 expired']],
]
for (const [what, status, record, expected] of CASES) {
  test(`the history of one that ${what}`, () => assert.deepEqual(namesOf(listOf(status, record)), expected))
}

test('the past is shown as it was', () => {
  const record = {
    startedAt: 2,
    processedOn: 2,
    finishedOn: 3,
    attemptsStarted: 1,
    returnValue: makeReturnValue(),
  }
  const [queued, processing, succeeded] = listOf('succeeded', record).map(({ read }) => read.record)
  assert.deepEqual(queued, createRecord('an-id', DATA, 1))
  assert.deepEqual(processing, { ...queued, startedAt: 2, processedOn: 2, attemptsStarted: 1 })
  assert.deepEqual(succeeded, { ...queued, ...record })
})
