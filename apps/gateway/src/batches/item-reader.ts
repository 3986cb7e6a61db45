import { predictQueueName } from '@menagerie/contract/job'
import { DELETED_AT_FIELD, readStatus } from '@menagerie/contract/job-record'
import { parseJobData, parseRecord, PROGRESS_FIELDS } from '@menagerie/contract/record-fields'
import { jobKey } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import { expiresAt, type RetentionOptions } from '../expiry.ts'
import { guardRedis } from '../guard-redis.ts'
import type { PredictionRead } from '../record-reader.ts'

/** Reads many predictions of one model; null where there is none that a client may see. Their position is not looked up. */
export type ItemReader = (model: string, ids: string[]) => Promise<Array<PredictionRead | null>>

const FIELDS = ['data', DELETED_AT_FIELD, ...PROGRESS_FIELDS] as const

/** KEYS: job hashes. ARGV: fields. Returns the time, and the fields of each. */
const READ_RECORDS = `
local time = redis.call('TIME')
local all = {}
for i = 1, #KEYS do all[i] = redis.call('HMGET', KEYS[i], unpack(ARGV)) end
return { time[1], time[2], all }`

type Reply = [seconds: string, microseconds: string, all: Array<Array<string | null>>]

// A thousand in one script would hold everybody else up.
const SLICE = 100

/** @throws AppError `queue_unavailable` */
export const createItemReader = (
  deps: { redis: RedisConnection },
  options: { prefix: string } & RetentionOptions,
): ItemReader => {
  const parse = (id: string, fields: Array<string | null>, nowMs: number): PredictionRead | null => {
    const [rawData, deletedAt, ...progress] = fields
    const data = parseJobData(rawData)
    const record = data === null ? null : parseRecord(id, data, progress)
    if (record === null || typeof deletedAt === 'string') return null
    const status = readStatus(record, nowMs)
    const isExpired = nowMs > (expiresAt(record, status, options) ?? nowMs)
    return isExpired ? null : { record, status, nowMs, position: null }
  }

  const readSlice = async (model: string, ids: string[]): Promise<Array<PredictionRead | null>> => {
    const hashes = ids.map((id) => jobKey(options.prefix, predictQueueName(model), id))
    const reply = await guardRedis(() => deps.redis.eval(READ_RECORDS, hashes.length, ...hashes, ...FIELDS))
    const [seconds, microseconds, all] = reply as Reply
    const nowMs = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
    return ids.map((id, i) => parse(id, all[i] ?? [], nowMs))
  }

  return async (model, ids) => {
    const slices: Array<Promise<Array<PredictionRead | null>>> = []
    for (let from = 0; from < ids.length; from += SLICE) {
      slices.push(readSlice(model, ids.slice(from, from + SLICE)))
    }
    return (await Promise.all(slices)).flat()
  }
}
