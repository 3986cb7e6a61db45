import { predictQueueName } from '@menagerie/contract/job'
import {
  DELETED_AT_FIELD,
  readStatus,
  REPLAYED_BY_FIELD,
  type JobRecord,
} from '@menagerie/contract/job-record'
import { isTerminal, type PredictionStatus } from '@menagerie/contract/prediction'
import { parseJobData, parseRecord, PROGRESS_FIELDS } from '@menagerie/contract/record-fields'
import { jobKey } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import { expiresAt, type RetentionOptions } from './expiry.ts'
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

/** A prediction as Redis has it, whether clients may still see it or not. */
export interface StoredPrediction extends PredictionRead {
  /** The `data` of its job, as it is: by it a record is told from a later one with the same id. */
  rawData: string
  /** Of the job that delivers its webhook; null when nobody asked for one. */
  webhookJobId: string | null
  /** The prediction that repeats it. */
  replayedBy: string | null
  /** Deleted, or past its expiry: for clients there is no such prediction. */
  isHidden: boolean
  isDeleted: boolean
}

export interface RecordReader {
  /**
   * Reads a prediction in one round trip, or null when there is none (any more).
   *
   * @throws AppError `queue_unavailable`
   */
  read(id: string): Promise<PredictionRead | null>
  /** The same, and also what is hidden from clients; only in the queue of `model`, where that is known. */
  find(id: string, model?: string): Promise<StoredPrediction | null>
}

/** `data` comes first: without it there is no such job. */
const FIELDS = ['data', 'parentKey', DELETED_AT_FIELD, REPLAYED_BY_FIELD, ...PROGRESS_FIELDS] as const

/**
 * KEYS: job hash, wait list and prioritized set of each queue. ARGV: job id, fields. Returns the time, how many are
 * before it while nobody has taken it, and the fields of the first queue that has it.
 */
const READ_RECORD = `
local time = redis.call('TIME')
for i = 1, #KEYS, 3 do
  local fields = redis.call('HMGET', KEYS[i], unpack(ARGV, 2))
  if fields[1] then
    local ahead = false
    if not fields[${FIELDS.indexOf('processedOn') + 1}] then
      -- Jobs that a dead worker left behind are in the list and run next; all others are in the set.
      ahead = redis.call('LLEN', KEYS[i + 1]) + (redis.call('ZRANK', KEYS[i + 2], ARGV[1]) or 0)
    end
    return { time[1], time[2], ahead, fields }
  end
end
return { time[1], time[2] }`

type ReadReply = [seconds: string, microseconds: string, ahead?: number | null, fields?: Array<string | null>]

/**
 * Reads predictions from BullMQ's job hashes, each as one moment's snapshot. An id does not say its model, so every
 * model's queue is asked; there are few.
 */
export const createRecordReader = (
  deps: { redis: RedisConnection; catalog: ModelCatalog },
  options: { prefix: string } & RetentionOptions,
): RecordReader => {
  const findIn = async (id: string, models: string[]): Promise<StoredPrediction | null> => {
    const keys = models.flatMap((model) =>
      [id, 'wait', 'prioritized'].map((name) => jobKey(options.prefix, predictQueueName(model), name)),
    )
    const reply = await guardRedis(() => deps.redis.eval(READ_RECORD, keys.length, ...keys, id, ...FIELDS))
    const [seconds, microseconds, ahead, fields] = reply as ReadReply
    const [rawData, parentKey, deletedAt, replayedBy, ...progress] = fields ?? []
    const data = parseJobData(rawData)
    const record = data === null ? null : parseRecord(id, data, progress)
    if (record === null || typeof rawData !== 'string') return null
    const nowMs = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
    const status = readStatus(record, nowMs)
    const isDeleted = typeof deletedAt === 'string'
    // BullMQ removes finished jobs lazily, so what is too old is hidden here.
    const isExpired = nowMs > (expiresAt(record, status, options) ?? nowMs)
    return {
      record,
      status,
      nowMs,
      position: status === 'queued' ? (ahead ?? 0) : null,
      rawData,
      webhookJobId: parentKey?.slice(parentKey.lastIndexOf(':') + 1) ?? null,
      replayedBy: replayedBy ?? null,
      isHidden: isDeleted || isExpired,
      isDeleted,
    }
  }

  const find = async (id: string, model?: string): Promise<StoredPrediction | null> => {
    if (model !== undefined) return findIn(id, [model])
    // In one order at every gateway, or two could disagree about who has an id.
    const names = (await deps.catalog.listNames()).toSorted()
    const found = await findIn(id, names)
    if (found !== null) return found
    // Another gateway may have accepted it for a model that we have not heard of yet.
    const unseen = (await deps.catalog.listNames({ isFresh: true })).filter((name) => !names.includes(name))
    return unseen.length === 0 ? null : findIn(id, unseen)
  }

  return {
    find,
    async read(id) {
      const found = await find(id)
      return found === null || found.isHidden ? null : found
    },
  }
}

export const isEnded = (read: PredictionRead): boolean => isTerminal(read.status)
