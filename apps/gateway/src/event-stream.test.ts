import { AppError } from '@menagerie/contract/errors'
import type { PredictJobData } from '@menagerie/contract/job'
import { createRecord } from '@menagerie/contract/job-record'
import type { PredictionStatus } from '@menagerie/contract/prediction'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { streamEvents, type EventStreamDeps } from './event-stream.ts'
import { viewPrediction } from './job-view.ts'
import type { PredictionRead } from './record-reader.ts'

const DATA: PredictJobData = {
  v: 1,
  model: 'a-model',
  top_k: 1,
  upload: { id: 'u', bytes: 1, sha256: '', content_type: 'image/jpeg', filename: null },
  metadata: {},
  deadline: 1,
}
const CONTEXT = {
  model: null,
  estimatedWaitMs: null,
  baseUrl: 'http://localhost',
  deadLetterTtlMs: 0,
  resultTtlMs: 1,
}

const makeRead = (status: PredictionStatus, position: number | null = null, nowMs = 0): PredictionRead => ({
  status,
  nowMs,
  position,
  record: { ...createRecord('an-id', DATA, 0), startedAt: status === 'queued' ? null : 1 },
})

/** What a stream says whose waits end like this, one after another; the gateway stops with the last of them. */
const collect = async (
  outcomes: Array<PredictionRead | null | Error>,
  options: { view?: EventStreamDeps['view']; seen?: number; first?: PredictionRead } = {},
): Promise<string[]> => {
  const left = [...outcomes]
  const waitUntil: EventStreamDeps['listener']['waitUntil'] = async (_isReached, _data, { timeoutMs }) => {
    assert.equal(timeoutMs, 15_000)
    const outcome = left.shift()
    if (outcome instanceof Error) throw outcome
    return outcome ?? null
  }
  const deps = {
    waits: { isStopped: () => left.length === 0 },
    listener: { waitUntil },
    view: options.view ?? (async (read: PredictionRead) => viewPrediction(read, CONTEXT)),
  }
  const parts: string[] = []
  const { signal } = new AbortController()
  const { seen = 0, first = makeRead('queued') } = options
  for await (const part of streamEvents(deps, first, { seen, signal })) {
    parts.push(part.replace(/\ndata: \{"id".*\n/, '\n'))
  }
  return parts
}

const RETRY = 'retry: 1000\n\n'
const HEARTBEAT = ': still here\n\n'
const [QUEUED, PROCESSING, FAILED] = ['queued', 'processing', 'failed'].map(
  (status, i) => `id: ${i + 1}\nevent: ${status}\n\n`,
)

test('a wait in which nothing happened is a heartbeat', async () => {
  const parts = await collect([
    makeRead('queued'),
    makeRead('processing'),
    makeRead('processing'),
    makeRead('failed'),
  ])
  assert.deepEqual(parts, [RETRY, QUEUED, HEARTBEAT, PROCESSING, HEARTBEAT, FAILED])
})

test('a new place in the queue is told, without an id, after five seconds', async () => {
  const first = makeRead('queued', 5, 0)
  const places = [makeRead('queued', 5, 2000), makeRead('queued', 3, 4999), makeRead('queued', 2, 5000)]
  const parts = await collect([...places, makeRead('processing'), makeRead('failed')], { first })
  const place = 'event: position\ndata: {"position":2,"estimated_wait_ms":null}\n\n'
  assert.deepEqual(parts, [RETRY, QUEUED, HEARTBEAT, HEARTBEAT, place, PROCESSING, FAILED])
})

test('who comes again while it waits is told its place', async () => {
  const parts = await collect([], { seen: 1, first: makeRead('queued', 3) })
  assert.deepEqual(parts, [RETRY, 'event: position\ndata: {"position":3,"estimated_wait_ms":null}\n\n'])
})

test('a status that was passed between two looks is told all the same', async () => {
  assert.deepEqual(await collect([makeRead('failed')]), [RETRY, QUEUED, PROCESSING, FAILED])
})

test('what the client has is not told again', async () => {
  assert.deepEqual(await collect([makeRead('failed')], { seen: 2 }), [RETRY, FAILED])
})

test('a gateway that stops says when to come again; what has just happened is told before', async () => {
  assert.deepEqual(await collect([makeRead('queued')]), [RETRY, QUEUED, RETRY])
  const parts = await collect([makeRead('processing'), makeRead('processing')])
  assert.deepEqual(parts, [RETRY, QUEUED, PROCESSING, RETRY])
})

test('a prediction that is gone ends the stream', async () => {
  assert.deepEqual(await collect([null]), [RETRY, QUEUED])
})

test('while Redis is away there are heartbeats; what cannot be shown has to be asked for again', async () => {
  const away = new AppError('queue_unavailable', 'away')
  assert.deepEqual(await collect([away, makeRead('failed')]), [RETRY, QUEUED, HEARTBEAT, PROCESSING, FAILED])
  const view = () => Promise.reject(away)
  assert.deepEqual(await collect([], { view }), [RETRY, RETRY])
})
