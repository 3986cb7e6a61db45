import type { Job } from 'bullmq'
import type { RedisConnection } from '@menagerie/shared/redis'

/**
 * KEYS: job hash, its lock, and of its queue: active list, set of the possibly stalled, prioritized set, marker, events.
 * ARGV: job id, token, what the keys of job hashes begin with. Returns 1, or 0 when the lock is not ours any more.
 *
 * A waiting job's score is `priority * 2^32 + counter`, its counter is from 1 on, and taking the job forgets it. But a
 * job that was taken went before all of its priority that wait now, except for others that were handed back. So those
 * are put below the counters, in the unused upper half of the preceding priority's range: in the order in which they
 * were accepted, among the same millisecond in that in which they were taken. Steps of 1024 leave room between them.
 */
const HAND_BACK_JOB = `
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SREM', KEYS[4], ARGV[1])
if redis.call('LREM', KEYS[3], 1, ARGV[1]) == 0 then return 0 end

local function readTimes(key)
  local times = redis.call('HMGET', key, 'timestamp', 'processedOn')
  return tonumber(times[1]) or 0, tonumber(times[2]) or 0
end

local accepted, taken = readTimes(KEYS[1])
local function isBefore(id)
  local otherAccepted, otherTaken = readTimes(ARGV[3] .. id)
  if otherAccepted ~= accepted then return otherAccepted < accepted end
  return otherTaken <= taken
end

local top = (tonumber(redis.call('HGET', KEYS[1], 'priority')) or 0) * 4294967296
-- Ids and scores in turn.
local others = redis.call('ZRANGEBYSCORE', KEYS[5], top - 2147483648, top - 1, 'WITHSCORES')
local ahead = #others
while ahead > 0 and not isBefore(others[ahead - 1]) do ahead = ahead - 2 end
local previous, following = tonumber(others[ahead]), tonumber(others[ahead + 2])
local score = top - 1073741824
if previous and following then score = (previous + following) / 2
elseif previous then score = previous + 1024
elseif following then score = following - 1024 end

redis.call('ZADD', KEYS[5], score, ARGV[1])
-- Wakes a worker that has nothing to do. BullMQ's own script does not: the job would wait until one looks by itself.
redis.call('ZADD', KEYS[6], 0, '0')
redis.call('XADD', KEYS[7], '*', 'event', 'waiting', 'jobId', ARGV[1], 'prev', 'active')
return 1`

/**
 * Gives a job that this worker has back to the others, who are told at once: to its place in the order, before all of
 * its priority that nobody has taken yet. No attempt is used up. One script, so that a crash loses nothing.
 *
 * @returns whether the job was still this worker's
 */
export const handBackJob = async (redis: RedisConnection, job: Job, token: string): Promise<boolean> => {
  const queue = job.queueQualifiedName
  const id = job.id ?? ''
  const names = [id, `${id}:lock`, 'active', 'stalled', 'prioritized', 'marker', 'events']
  const keys = names.map((name) => `${queue}:${name}`)
  return (await redis.eval(HAND_BACK_JOB, keys.length, ...keys, id, token, `${queue}:`)) === 1
}
