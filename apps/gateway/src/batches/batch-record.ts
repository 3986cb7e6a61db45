import { PredictJobData, PAYLOAD_VERSION } from '@menagerie/contract/job'
import { Metadata } from '@menagerie/contract/prediction'
import { PredictionError } from '@menagerie/contract/problem'
import { TraceContext } from '@menagerie/contract/trace-context'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'

/** What was asked for a batch as a whole; written once. */
export const BatchData = Type.Object({
  v: Type.Literal(PAYLOAD_VERSION),
  /** Whose it is; absent: of nobody in particular. */
  tenant: Type.Optional(Type.String()),
  model: Type.String(),
  /** How many items it has. */
  total: Type.Integer(),
  metadata: Metadata,
  webhook: Type.Union([Type.Object({ url: Type.String(), base_url: Type.String() }), Type.Null()]),
  /** Random: which of the submissions with one Idempotency-Key it was that Redis took. It names the webhook. */
  submission_id: Type.String(),
  /** Of what was asked: the same key with another is a mistake of the client's. */
  request_sha256: Type.String(),
  /** Epoch ms. */
  created_at: Type.Integer(),
  /** Of the request. */
  trace: Type.Optional(TraceContext),
})
export type BatchData = Static<typeof BatchData>

/** One item, in its place; without a prediction when it was refused. */
export const StoredItem = Type.Object({
  custom_id: Type.String(),
  prediction_id: Type.Union([Type.String(), Type.Null()]),
  error: Type.Union([PredictionError, Type.Null()]),
})
export type StoredItem = Static<typeof StoredItem>

/** A job that is to be put into the queue. */
export const PlannedJob = Type.Object({ id: Type.String(), data: PredictJobData })
export type PlannedJob = Static<typeof PlannedJob>

/** A batch as Redis has it. Times are epoch ms, null while they have not happened. */
export interface StoredBatch {
  id: string
  data: BatchData
  items: StoredItem[]
  /** When all its jobs were in the queue; before that nobody was told of it. */
  acceptedAt: number | null
  canceledAt: number | null
  /** When its webhook was put into the queue. */
  notifiedAt: number | null
  /** Redis' time of the reading. */
  nowMs: number
}

const batchData = Compile(BatchData)
const storedItem = Compile(StoredItem)
const plannedJob = Compile(PlannedJob)

const parseWith = <T>(schema: { Check(value: unknown): value is T }, text: string, what: string): T => {
  const value: unknown = JSON.parse(text)
  if (!schema.Check(value)) throw new Error(`${what} in Redis is not valid`)
  return value
}

export const parseBatchData = (text: string): BatchData => parseWith(batchData, text, 'a batch')
export const parseStoredItem = (text: string): StoredItem => parseWith(storedItem, text, 'an item of a batch')
export const parsePlannedJob = (text: string): PlannedJob => parseWith(plannedJob, text, 'a job of a batch')
