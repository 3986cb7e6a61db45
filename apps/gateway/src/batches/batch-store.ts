import type { Keys } from '@menagerie/shared/keys'
import { GO_ON_WHEN_FULL, READ_NOW } from '@menagerie/shared/lua'
import type { RedisConnection } from '@menagerie/shared/redis'
import {
  parseBatchData,
  parsePlannedJob,
  parseStoredItem,
  type BatchData,
  type PlannedJob,
  type StoredBatch,
  type StoredItem,
} from './batch-record.ts'

export interface NewBatch {
  id: string
  data: BatchData
  items: StoredItem[]
  /** The jobs of those items that are to be predictions. */
  jobs: PlannedJob[]
}

export interface BatchStore {
  /** Notes a batch, whole or not at all; resolves with false when there is one with this id. */
  create(batch: NewBatch): Promise<boolean>
  find(id: string): Promise<StoredBatch | null>
  /** The jobs that may not be in the queue yet; none once the batch is accepted. */
  readPlan(id: string): Promise<PlannedJob[]>
  markAccepted(id: string): Promise<void>
  markNotified(id: string): Promise<void>
  remove(id: string): Promise<void>
  /** The ids of all batches, oldest first. */
  listIds(): Promise<string[]>
}

/** KEYS: batch, items, plan, index. ARGV: id, data, expiry in ms, time, number of items, items, jobs. */
const CREATE = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local items = tonumber(ARGV[5])
redis.call('HSET', KEYS[1], 'data', ARGV[2])
redis.call('RPUSH', KEYS[2], unpack(ARGV, 6, 5 + items))
if #ARGV > 5 + items then redis.call('RPUSH', KEYS[3], unpack(ARGV, 6 + items)) end
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], ARGV[3]) end
redis.call('ZADD', KEYS[4], ARGV[4], ARGV[1])
return 1`

/** KEYS: batch, items. Returns the time, the fields of the batch and its items. */
const FIND = `
${READ_NOW}
local fields = redis.call('HMGET', KEYS[1], 'data', 'acceptedAt', 'canceledAt', 'notifiedAt')
if not fields[1] then return false end
return { now, fields, redis.call('LRANGE', KEYS[2], 0, -1) }`

/** KEYS: batch, plan. ARGV: field. Notes the time, once, if there still is such a batch. */
const MARK = `
${GO_ON_WHEN_FULL}
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
${READ_NOW}
redis.call('HSETNX', KEYS[1], ARGV[1], now)
if KEYS[2] then redis.call('DEL', KEYS[2]) end
return 1`

type FindReply = [nowMs: number, fields: Array<string | null>, items: string[]]

const parseTime = (text: string | null | undefined): number | null => (text == null ? null : Number(text))

/** Batches as Redis hashes with a list of their items. They expire by themselves after `ttlMs` at the latest. */
export const createBatchStore = (
  deps: { redis: RedisConnection; keys: Keys },
  options: { ttlMs: number },
): BatchStore => {
  const { redis, keys } = deps
  const stringify = (value: unknown): string => JSON.stringify(value)
  return {
    async create({ id, data, items, jobs }) {
      const places = [keys.batch(id), keys.batchItems(id), keys.batchPlan(id), keys.batchIndex]
      const args = [id, stringify(data), options.ttlMs, data.created_at, items.length]
      const lists = [...items.map(stringify), ...jobs.map(stringify)]
      return (await redis.eval(CREATE, places.length, ...places, ...args, ...lists)) === 1
    },
    async find(id) {
      const reply = (await redis.eval(FIND, 2, keys.batch(id), keys.batchItems(id))) as FindReply | null
      if (reply === null) return null
      const [nowMs, [data, acceptedAt, canceledAt, notifiedAt], items] = reply
      return {
        id,
        data: parseBatchData(data ?? ''),
        items: items.map(parseStoredItem),
        acceptedAt: parseTime(acceptedAt),
        canceledAt: parseTime(canceledAt),
        notifiedAt: parseTime(notifiedAt),
        nowMs,
      }
    },
    readPlan: async (id) => (await redis.lrange(keys.batchPlan(id), 0, -1)).map(parsePlannedJob),
    async markAccepted(id) {
      await redis.eval(MARK, 2, keys.batch(id), keys.batchPlan(id), 'acceptedAt')
    },
    async markNotified(id) {
      await redis.eval(MARK, 1, keys.batch(id), 'notifiedAt')
    },
    async remove(id) {
      await redis.unlink(keys.batch(id), keys.batchItems(id), keys.batchPlan(id))
      await redis.zrem(keys.batchIndex, id)
    },
    listIds: () => redis.zrange(keys.batchIndex, '0', '-1'),
  }
}
