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
import { createReadTogether } from './read-together.ts'

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
   * Reads a prediction in one round trip, together with others that are asked for at the same moment; null when there
   * is none (any more).
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
 * KEYS: wait list and prioritized set of each queue, then each id's job hash in each queue. ARGV: number of queues, number
 * of ids, ids, fields. Returns the time, and of each id: how many are before it while nobody has taken it, and the
 * fields of the first queue that has it.
 */
const READ_RECORDS = `
local time = redis.call('TIME')
local queues, count = tonumber(ARGV[1]), tonumber(ARGV[2])
local left = {}
local function read(i)
  for q = 1, queues do
    local fields = redis.call('HMGET', KEYS[(1 + i) * queues + q], unpack(ARGV, 3 + count))
    if fields[1] then
      if fields[${FIELDS.indexOf('processedOn') + 1}] then return { false, fields } end
      -- Jobs that a dead worker left behind are in the list and run next; all others are in the set.
      left[q] = left[q] or redis.call('LLEN', KEYS[q])
      return { left[q] + (redis.call('ZRANK', KEYS[queues + q], ARGV[2 + i]) or 0), fields }
    end
  end
  return false
end
local reads = {}
for i = 1, count do reads[i] = read(i) end
return { time[1], time[2], reads }`

type RecordReply = [ahead: number | null, fields: Array<string | null>]
type ReadReply = [seconds: string, microseconds: string, reads: Array<RecordReply | null>]

/** What Redis says of an id; parsed for each by itself, so that what cannot be parsed troubles nobody else. */
interface RawRead {
  reply: RecordReply | null
  nowMs: number
}

/** So many at once keep Redis for a millisecond or two. */
const IDS_MAX = 100

/**
 * Reads predictions from BullMQ's job hashes, each as one moment's snapshot. An id does not say its model, so every
 * model's queue is asked; there are few.
 */
export const createRecordReader = (
  deps: { redis: RedisConnection; catalog: ModelCatalog },
  options: { prefix: string } & RetentionOptions,
): RecordReader => {
  const parse = (id: string, { reply, nowMs }: RawRead): StoredPrediction | null => {
    const [ahead, fields] = reply ?? []
    const [rawData, parentKey, deletedAt, replayedBy, ...progress] = fields ?? []
    const data = parseJobData(rawData)
    const record = data === null ? null : parseRecord(id, data, progress)
    if (record === null || typeof rawData !== 'string') return null
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

  const findIn = async (ids: string[], models: string[]): Promise<RawRead[]> => {
    const queues = models.map(predictQueueName)
    const keysOf = (name: string) => queues.map((queue) => jobKey(options.prefix, queue, name))
    const keys = ['wait', 'prioritized', ...ids].flatMap(keysOf)
    const values = [queues.length, ids.length, ...ids, ...FIELDS]
    const reply = await guardRedis(() => deps.redis.eval(READ_RECORDS, keys.length, ...keys, ...values))
    const [seconds, microseconds, reads] = reply as ReadReply
    const nowMs = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
    return reads.map((read) => ({ reply: read, nowMs }))
  }

  const findAll = async (ids: string[]): Promise<RawRead[]> => {
    // In one order at every gateway, or two could disagree about who has an id.
    const names = (await deps.catalog.listNames()).toSorted()
    const found = await findIn(ids, names)
    const missing = ids.filter((_id, i) => found[i]?.reply === null)
    if (missing.length === 0) return found
    // Another gateway may have accepted it for a model that we have not heard of yet.
    const unseen = (await deps.catalog.listNames({ isFresh: true })).filter((name) => !names.includes(name))
    if (unseen.length === 0) return found
    const foundThere = await findIn(missing, unseen)
    return found.map((read) => (read.reply === null ? (foundThere.shift() ?? read) : read))
  }

  const findTogether = createReadTogether(findAll, { idsMax: IDS_MAX })

  const find: RecordReader['find'] = async (id, model) => {
    const [read] = model === undefined ? await findAll([id]) : await findIn([id], [model])
    return read === undefined ? null : parse(id, read)
  }

  return {
    find,
    async read(id) {
      const found = parse(id, await findTogether(id))
      return found === null || found.isHidden ? null : found
    },
  }
}

export const isEnded = (read: PredictionRead): boolean => isTerminal(read.status)
