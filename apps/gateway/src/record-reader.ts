import { PredictJobData, PredictReturnValue, predictQueueName } from '@menagerie/contract/job'
import {
  CANCELED_AT_FIELD,
  STARTED_AT_FIELD,
  readStatus,
  type JobRecord,
} from '@menagerie/contract/job-record'
import { isTerminal, type PredictionStatus } from '@menagerie/contract/prediction'
import { jobKey } from '@menagerie/shared/keys'
import type { ChainableCommander, Redis } from 'ioredis'
import { Compile } from 'typebox/compile'
import { guardRedis } from './guard-redis.ts'
import type { ModelCatalog } from './model-catalog.ts'

export interface PredictionRead {
  record: JobRecord
  status: PredictionStatus
  /** Redis' time of the reading, epoch ms. */
  nowMs: number
  /** How many are before it; null unless it is queued. */
  position: number | null
}

export interface RecordReader {
  /**
   * Reads a prediction in one round trip, or null when there is none (any more).
   *
   * @throws AppError `queue_unavailable`
   */
  read(id: string): Promise<PredictionRead | null>
}

const FIELDS = [
  'data',
  'timestamp',
  'processedOn',
  'finishedOn',
  'ats',
  'failedReason',
  'returnvalue',
  STARTED_AT_FIELD,
  CANCELED_AT_FIELD,
] as const
const REPLIES_PER_QUEUE = 3

const parseNumber = (text: string | null | undefined): number | null => (text == null ? null : Number(text))

interface Schema<T> {
  Check(value: unknown): value is T
}

const parseJson = <T>(text: string | null | undefined, schema: Schema<T>): T | null => {
  if (text == null) return null
  const value: unknown = JSON.parse(text)
  return schema.Check(value) ? value : null
}
// Compiled once: every answer passes here.
const jobData = Compile(PredictJobData)
const returnValue = Compile(PredictReturnValue)

const parseRecord = (id: string, hash: Array<string | null>): JobRecord | null => {
  const [data, timestamp, processedOn, finishedOn, started, failedReason, returned, startedAt, canceledAt] =
    hash
  const parsed = parseJson(data, jobData)
  if (parsed === null) return null
  return {
    id,
    data: parsed,
    createdAt: Number(timestamp),
    startedAt: parseNumber(startedAt),
    processedOn: parseNumber(processedOn),
    finishedOn: parseNumber(finishedOn),
    canceledAt: parseNumber(canceledAt),
    attemptsStarted: parseNumber(started) ?? 0,
    failedReason: failedReason ?? null,
    returnValue: parseJson(returned, returnValue),
  }
}

/** All replies of a pipeline; throws the first error among them. */
const execute = async (pipeline: ChainableCommander): Promise<unknown[]> => {
  const results = (await pipeline.exec()) ?? []
  return results.map(([error, reply]) => {
    if (error !== null) throw error
    return reply
  })
}

/**
 * Reads predictions from BullMQ's job hashes. An id does not say its model, so every model's queue is asked, all
 * in one pipeline; there are few.
 */
export const createRecordReader = (
  deps: { redis: Redis; catalog: ModelCatalog },
  options: { prefix: string; resultTtlMs: number },
): RecordReader => {
  const readFrom = async (id: string, models: string[]): Promise<PredictionRead | null> => {
    const pipeline = deps.redis.pipeline().time()
    for (const model of models) {
      const queue = predictQueueName(model)
      pipeline
        .hmget(jobKey(options.prefix, queue, id), ...FIELDS)
        // Jobs that a dead worker left behind are in this list and run next; all others are in the sorted set.
        .llen(jobKey(options.prefix, queue, 'wait'))
        .zrank(jobKey(options.prefix, queue, 'prioritized'), id)
    }
    const [time, ...replies] = await guardRedis(() => execute(pipeline))
    const [seconds, microseconds] = time as [string, string]
    const nowMs = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
    for (let i = 0; i < replies.length; i += REPLIES_PER_QUEUE) {
      const [hash, ahead, rank] = replies.slice(i, i + REPLIES_PER_QUEUE) as [
        Array<string | null>,
        number,
        number | null,
      ]
      const record = parseRecord(id, hash)
      if (record === null) continue
      // BullMQ removes finished jobs lazily, so what is too old is hidden here.
      if (record.finishedOn !== null && nowMs > record.finishedOn + options.resultTtlMs) return null
      const status = readStatus(record, nowMs)
      const position = status === 'queued' ? ahead + (rank ?? 0) : null
      return { record, status, nowMs, position }
    }
    return null
  }

  return {
    async read(id) {
      const names = await deps.catalog.listNames()
      const found = await readFrom(id, names)
      if (found !== null) return found
      // Another gateway may have accepted it for a model that we have not heard of yet.
      const unseen = (await deps.catalog.listNames({ isFresh: true })).filter((name) => !names.includes(name))
      return unseen.length === 0 ? null : readFrom(id, unseen)
    },
  }
}

export const isEnded = (read: PredictionRead): boolean => isTerminal(read.status)
