import { JOB_PRIORITY } from '@menagerie/contract/job'

/** BullMQ's limit. What would come behind it shares the last place, first come first served. */
const TAG_MAX = 2 ** 21 - 1

/** From this tag on, the numbers begin anew. Two thirds of the way are left for what comes until that is done. */
export const RENUMBER_FROM = 700_000

/** By less than this it is not worth it: so much waits that nothing would be gained, and the next would try again. */
const RENUMBER_BY_MIN = 350_000

/**
 * BullMQ's score of a waiting job is `priority * 2^32 + counter`; what a worker has handed back lies in the upper half of
 * the range before (apps/worker/src/hand-back.ts), what was canceled at 0.
 */
const SCORES = `
local UNIT = 4294967296
local FIRST = ${JOB_PRIORITY.ordinary}
local function readTag(score) return math.floor(score / UNIT + 0.5) end
local function findHead(key)
  return redis.call('ZRANGEBYSCORE', key, (FIRST - 0.5) * UNIT, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
end
local function lower(place, jobs, id, score, by)
  local tag = readTag(score)
  local lowered = math.max(FIRST, tag - by)
  redis.call('ZADD', place, 'XX', score - (tag - lowered) * UNIT, id)
  redis.call('HSET', jobs .. id, 'priority', lowered)
end`

/**
 * KEYS: hash of the order, prioritized set. ARGV: flow, distance, ms after which the order is forgotten, what the keys of
 * job hashes begin with. Returns a tag.
 *
 * The hash has the last tag of each flow; `now`, the tag that the head of the queue has reached; `top`, the highest tag
 * given out; and `by`, how much the numbers were lowered the last time. When nobody waits, a new round begins at `top`: what
 * a flow got while nobody else wanted it is not held against it. Tags that were given out but whose jobs are not yet there
 * are not above `top`, so they are not overtaken for long.
 *
 * A job that stands above `top` got its tag before the numbers were lowered, and was added after it: it is lowered here.
 */
export const TAKE_TAG = `${SCORES}
local state = redis.call('HMGET', KEYS[1], 'now', 'top', 'by', ARGV[1])
local now, top = tonumber(state[1] or FIRST - 1), tonumber(state[2] or FIRST - 1)
local last = tonumber(state[4] or 0)
local head = findHead(KEYS[2])
if head then
  now = math.max(now, readTag(head))
  for _ = 1, state[3] and 100 or 0 do
    local latest = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')
    if readTag(latest[2]) <= top then break end
    lower(KEYS[2], ARGV[4], latest[1], latest[2], tonumber(state[3]))
  end
else
  now, last = top, 0
  redis.call('DEL', KEYS[1])
  if state[3] then redis.call('HSET', KEYS[1], 'by', state[3]) end
end
last = math.max(now, last) + ARGV[2]
local tag = math.min(math.ceil(last - 0.000001), ${TAG_MAX})
redis.call('HSET', KEYS[1], 'now', now, 'top', math.max(top, tag), ARGV[1], last)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return tag`

/**
 * KEYS: hash of the order, prioritized set, wait list. ARGV: flow, distance. Returns how many would be before a prediction
 * that came now.
 */
export const COUNT_AHEAD = `${SCORES}
local ahead, head = redis.call('LLEN', KEYS[3]), findHead(KEYS[2])
if not head then return ahead + redis.call('ZCARD', KEYS[2]) end
local state = redis.call('HMGET', KEYS[1], 'now', ARGV[1])
local now = math.max(tonumber(state[1] or 0), readTag(head))
local tag = math.ceil(math.max(now, tonumber(state[2] or 0)) + ARGV[2] - 0.000001)
return ahead + redis.call('ZCOUNT', KEYS[2], '-inf', string.format('(%.0f', (tag + 0.5) * UNIT))`

/**
 * KEYS: hash of the order, prioritized set, delayed set, active list, wait list. ARGV: what the keys of job hashes begin
 * with. Lowers all numbers so that the head of the queue is the first again; nothing changes its place. Returns by how
 * much.
 *
 * What is delayed or in a worker's hands comes back by the priority in its hash, so that is lowered too; what waits with
 * a known answer has none of these numbers.
 */
export const RENUMBER = `${SCORES}
local head = findHead(KEYS[2])
local by = (head and readTag(head) or tonumber(redis.call('HGET', KEYS[1], 'top') or 0)) - FIRST
if by < ${RENUMBER_BY_MIN} then return 0 end
local waiting = redis.call('ZRANGEBYSCORE', KEYS[2], (FIRST - 0.5) * UNIT, '+inf', 'WITHSCORES')
for i = 1, #waiting, 2 do lower(KEYS[2], ARGV[1], waiting[i], waiting[i + 1], by) end
local others = { redis.call('ZRANGE', KEYS[3], 0, -1), redis.call('LRANGE', KEYS[4], 0, -1), redis.call('LRANGE', KEYS[5], 0, -1) }
for _, ids in ipairs(others) do
  for _, id in ipairs(ids) do
    local tag = tonumber(redis.call('HGET', ARGV[1] .. id, 'priority') or 0)
    if tag > FIRST then redis.call('HSET', ARGV[1] .. id, 'priority', math.max(FIRST, tag - by)) end
  end
end
local order = redis.call('HGETALL', KEYS[1])
for i = 1, #order, 2 do redis.call('HSET', KEYS[1], order[i], order[i + 1] - by) end
redis.call('HSET', KEYS[1], 'by', by)
return by`
