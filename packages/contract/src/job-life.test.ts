/**
 * Guarantee: a terminal status never changes. Every life that a job can have is walked through, step by step, with
 * the rules of the queue, the worker and the cancel call; after each step the status is read.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatFailedReason } from './errors.ts'
import type { PredictJobData, PredictReturnValue } from './job.ts'
import { createRecord, isPastDeadline, readStatus, type JobRecord } from './job-record.ts'
import { isTerminal, PREDICTION_STATUSES, type PredictionStatus } from './prediction.ts'

const DEADLINE = 10_000
const TIMES = [0, DEADLINE, DEADLINE + 1, DEADLINE + 60_000]
const STALLS_MAX = 1
const ATTEMPTS_MAX = 2

interface Life {
  record: JobRecord
  /** Index into TIMES. */
  clock: number
  /** waiting: in the queue. taken: a worker has it. marked: that worker has noted the start. */
  at: 'waiting' | 'taken' | 'marked' | 'finished'
  stalls: number
  /** BullMQ has seen too many workers die of it: the next one that takes it fails it without a look. */
  isDoomed: boolean
  attempts: number
}

type Step = (life: Life, nowMs: number) => Life | null

const change = (life: Life, fields: Partial<Life>, record: Partial<JobRecord> = {}): Life => ({
  ...life,
  ...fields,
  record: { ...life.record, ...record },
})

const fail = (life: Life, nowMs: number, failedReason: string): Life =>
  change(life, { at: 'finished' }, { finishedOn: nowMs, failedReason })

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

/** What keeps a worker from running a job that it has taken. */
const refusal = ({ record }: Life): string | null => {
  if (record.canceledAt !== null) return formatFailedReason('prediction_canceled', 'it was canceled')
  if (isPastDeadline(DEADLINE, record.startedAt ?? 0))
    return formatFailedReason('prediction_expired', 'too late')
  return null
}

/** A run that has begun goes on when it is canceled meanwhile. */
const isRunning = ({ at, record }: Life): boolean =>
  at === 'marked' && !isPastDeadline(DEADLINE, record.startedAt ?? 0)

const take = (life: Life, processedOn: number): Life | null =>
  life.at === 'waiting'
    ? change(life, { at: 'taken' }, { processedOn, attemptsStarted: life.record.attemptsStarted + 1 })
    : null

const STEPS: Record<string, Step> = {
  'time goes by': (life) => (life.clock + 1 < TIMES.length ? change(life, { clock: life.clock + 1 }) : null),
  'a worker takes it': (life, nowMs) => take(life, nowMs),
  'a worker whose clock is a second slow takes it': (life, nowMs) => take(life, nowMs - 1000),
  // By Redis' clock, whatever the worker's says.
  'the worker marks the first start': (life, nowMs) =>
    life.at === 'taken' && !life.isDoomed
      ? change(life, { at: 'marked' }, { startedAt: life.record.startedAt ?? nowMs })
      : null,
  'the worker buries it': (life, nowMs) =>
    life.at === 'taken' && life.isDoomed ? fail(life, nowMs, 'job stalled more than allowable limit') : null,
  'the worker dies': (life) =>
    life.at === 'taken' || life.at === 'marked'
      ? change(life, { at: 'waiting', stalls: life.stalls + 1, isDoomed: life.stalls >= STALLS_MAX })
      : null,
  'the worker gives it back': (life) => (life.at === 'marked' ? change(life, { at: 'waiting' }) : null),
  'the worker refuses it': (life, nowMs) => {
    const reason = life.at === 'marked' ? refusal(life) : null
    return reason === null ? null : fail(life, nowMs, reason)
  },
  // The failed reason of an attempt before stays where it is: BullMQ does not delete it.
  'the run succeeds': (life, nowMs) =>
    isRunning(life) ? change(life, { at: 'finished' }, { finishedOn: nowMs, returnValue }) : null,
  'the attempt fails': (life, nowMs) => {
    if (!isRunning(life)) return null
    const failedReason = formatFailedReason('inference_failed', 'the model failed')
    const attempts = life.attempts + 1
    if (attempts === ATTEMPTS_MAX) return fail(life, nowMs, failedReason)
    return change(life, { at: 'waiting', attempts }, { failedReason })
  },
  'somebody cancels it': (life, nowMs) =>
    life.record.canceledAt === null && !isTerminal(readStatus(life.record, nowMs))
      ? change(life, {}, { canceledAt: nowMs })
      : null,
}

const data: PredictJobData = {
  v: 1,
  model: 'm',
  top_k: 5,
  upload: { id: 'u1', bytes: 3, sha256: '00', content_type: 'image/jpeg', filename: null },
  metadata: {},
  deadline: DEADLINE,
}

const newborn: Life = {
  record: createRecord('p1', data, 0),
  clock: 0,
  at: 'waiting',
  stalls: 0,
  isDoomed: false,
  attempts: 0,
}

test('no step of any life changes a terminal status, or makes a job that was taken wait again', () => {
  const seen = new Set<string>()
  const transitions = new Set<string>()
  const statuses = new Set<PredictionStatus>()
  const walk = (life: Life, past: string[]): void => {
    const key = JSON.stringify(life)
    // Giving back is free of charge, so a life can be as long as one likes.
    if (seen.has(key) || life.record.attemptsStarted > 4) return
    seen.add(key)
    const before = readStatus(life.record, TIMES[life.clock] ?? 0)
    statuses.add(before)
    for (const [name, step] of Object.entries(STEPS)) {
      const next = step(life, TIMES[life.clock] ?? 0)
      if (next === null) continue
      const after = readStatus(next.record, TIMES[next.clock] ?? 0)
      const story = [...past, name]
      if (isTerminal(before)) assert.equal(after, before, `${before} → ${after} after: ${story.join(', ')}`)
      if (before === 'processing') assert.notEqual(after, 'queued', story.join(', '))
      if (before !== after) transitions.add(`${before} → ${after}`)
      walk(next, story)
    }
  }
  walk(newborn, [])
  assert.deepEqual(statuses, new Set(PREDICTION_STATUSES))
  assert.deepEqual([...transitions].toSorted(), [
    'processing → canceled',
    'processing → expired',
    'processing → failed',
    'processing → succeeded',
    'queued → canceled',
    'queued → expired',
    'queued → processing',
  ])
})
