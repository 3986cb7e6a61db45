import { predictQueueName } from '@menagerie/contract/job'
import { JOB_STATES, type JobState, type QueueView } from '@menagerie/contract/queue'
import { jobKey } from '@menagerie/shared/keys'
import { READ_NOW } from '@menagerie/shared/lua'
import type { RedisConnection } from '@menagerie/shared/redis'
import { estimateWaitMs, type CapacityReader } from './capacity.ts'
import { guardRedis } from './guard-redis.ts'
import { rememberEach } from './remember-each.ts'

/**
 * The queue of a model that exists, at most a second old.
 *
 * @throws AppError `queue_unavailable`
 */
export type QueueReader = (model: string) => Promise<QueueView>

const REMEMBERED_MS = 1000

/** BullMQ's own names of the keys, in the order of `JOB_STATES`. */
const PLACES: Record<JobState, string> = {
  waiting: 'wait',
  prioritized: 'prioritized',
  delayed: 'delayed',
  active: 'active',
  completed: 'completed',
  failed: 'failed',
}

// Tenants take turns, so the oldest is not always the first; but whoever has something waiting has it among these.
const LOOKED_AT = 100

/** KEYS: as `PLACES`. ARGV: what keys of jobs begin with. Returns the age of the oldest, nil when none waits; and the counts. */
const READ_QUEUE = `
${READ_NOW}
local oldest = now
local ids = redis.call('LRANGE', KEYS[1], -${LOOKED_AT}, -1)
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, ${LOOKED_AT - 1})) do ids[#ids + 1] = id end
for _, id in ipairs(ids) do
  oldest = math.min(oldest, tonumber(redis.call('HGET', ARGV[1] .. id, 'timestamp')) or now)
end
return { #ids > 0 and now - oldest, redis.call('LLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('ZCARD', KEYS[3]),
  redis.call('LLEN', KEYS[4]), redis.call('ZCARD', KEYS[5]), redis.call('ZCARD', KEYS[6]) }`

/** Reads queues: one script and the workers' heartbeats, at most once a second for each model. */
export const createQueueReader = (
  deps: { redis: RedisConnection; readCapacity: CapacityReader },
  options: { prefix: string },
): QueueReader => {
  const readJobs = async (model: string) => {
    const keyOf = (name: string): string => jobKey(options.prefix, predictQueueName(model), name)
    const keys = JOB_STATES.map((state) => keyOf(PLACES[state]))
    const reply = await guardRedis(() => deps.redis.eval(READ_QUEUE, keys.length, ...keys, keyOf('')))
    const [oldestAgeMs, ...numbers] = reply as [number | null, ...number[]]
    const counts = Object.fromEntries(
      JOB_STATES.map((state, i) => [state, numbers[i] ?? 0]),
    ) as QueueView['counts']
    return { oldestAgeMs, counts }
  }

  return rememberEach(
    async (model) => {
      const [{ oldestAgeMs, counts }, capacity] = await Promise.all([
        readJobs(model),
        deps.readCapacity(model),
      ])
      const inLine = counts.waiting + counts.prioritized
      return {
        model,
        depth: inLine + counts.delayed + counts.active,
        counts,
        oldest_age_ms: oldestAgeMs,
        capacity_per_second: Math.round(capacity.rate * 100_000) / 100,
        estimated_wait_ms: estimateWaitMs(inLine, capacity),
        workers: capacity.workers,
      }
    },
    { forMs: REMEMBERED_MS },
  )
}
