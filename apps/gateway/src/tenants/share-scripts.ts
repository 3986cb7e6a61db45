import { CANCELED_AT_FIELD, DELETED_AT_FIELD, STARTED_AT_FIELD } from '@menagerie/contract/job-record'
import { READ_NOW } from '@menagerie/shared/lua'

/** Between these two moments there may be a hold whose job is only about to be there, ms. */
const GRACE_MS = 60_000

/** To look whether what is held has ended takes a reading each, 5 µs or so, so it is not done more often, ms. */
const SETTLE_INTERVAL_MS = 1000
/** And so much less often the more there is, ms for each: it is to take one hundredth of Redis at the most. */
const SETTLE_INTERVAL_MS_EACH = 0.5

export const RATE_WINDOW_MS = 60_000

/**
 * KEYS: the tenant's shares, what it holds. ARGV: most predictions, most bytes (0: any number), predictions, bytes, what
 * the keys of predict queues begin with.
 *
 * What is held are the predictions that have not ended, `<bytes> <since> <deadline> <model>` by id. Whoever ends one lets go
 * of it (packages/shared/src/announce-end.ts); what was missed there is found before anybody is refused, from the jobs.
 */
const SHARES = `
${READ_NOW}
local function settle()
  local waitMs = math.max(${SETTLE_INTERVAL_MS}, redis.call('HLEN', KEYS[2]) * ${SETTLE_INTERVAL_MS_EACH})
  if now - (tonumber(redis.call('HGET', KEYS[1], 'settled')) or 0) < waitMs then return end
  local held, sum = redis.call('HGETALL', KEYS[2]), 0
  for i = 1, #held, 2 do
    local bytes, since, deadline, model = string.match(held[i + 1], '^(%d+) (%d+) (%d+) (.+)$')
    local job = redis.call('HMGET', ARGV[5] .. model .. ':' .. held[i], 'timestamp', 'finishedOn', '${CANCELED_AT_FIELD}',
      '${DELETED_AT_FIELD}', '${STARTED_AT_FIELD}')
    local isLate = now > tonumber(deadline) and not job[5]
    local isThere = job[1] or now - since < ${GRACE_MS}
    if isThere and not (job[2] or job[3] or job[4] or isLate) then sum = sum + bytes
    else redis.call('HDEL', KEYS[2], held[i]) end
  end
  redis.call('HSET', KEYS[1], 'settled', now, 'bytes', sum)
end
local function isOver()
  local count = redis.call('HLEN', KEYS[2])
  -- What is more than the share all by itself would otherwise never get in.
  if count == 0 then return false end
  if ARGV[1] ~= '0' and count + ARGV[3] > tonumber(ARGV[1]) then return true end
  if ARGV[2] == '0' then return false end
  return (tonumber(redis.call('HGET', KEYS[1], 'bytes')) or 0) + ARGV[4] > tonumber(ARGV[2])
end
local function isExhausted()
  if isOver() then settle() end
  return isOver()
end`

/**
 * ARGV behind those of SHARES: predictions per window (0: any number), '1' where only the rate counts. Returns `[code, predictions left in the window, ms
 * until all of them are, ms until there is room for these]`; code 0: go on, 1: too fast, 2: too much.
 *
 * The rate is a token bucket, kept as the time at which it will be full (GCRA), by Redis' clock: one for all gateways.
 */
export const ADMIT = `${SHARES}
if ARGV[7] ~= '1' and isExhausted() then return { 2, 0, 0, 0 } end
local rate = tonumber(ARGV[6])
if rate == 0 then return { 0, 0, 0, 0 } end
local interval = ${RATE_WINDOW_MS} / rate
local fullAt = math.max(now, tonumber(redis.call('HGET', KEYS[1], 'fullAt') or 0))
local after = fullAt + interval * ARGV[3]
local left = math.floor((${RATE_WINDOW_MS} - (after - now)) / interval + 0.000001)
-- A batch over the rate all by itself gets in when nothing but its own request has used any, and has to be made up for.
local fullWithin = fullAt - now - interval
if left < 0 and (fullWithin > 0 or ARGV[3] == '1') then
  local retryMs = after - now - ${RATE_WINDOW_MS}
  if fullWithin > 0 then retryMs = math.min(retryMs, fullWithin) end
  return { 1, 0, math.ceil(fullAt - now), math.max(1, math.ceil(retryMs)) }
end
redis.call('HSET', KEYS[1], 'fullAt', after)
local keptMs = after - now + ${RATE_WINDOW_MS}
if redis.call('PTTL', KEYS[1]) < keptMs then redis.call('PEXPIRE', KEYS[1], math.ceil(keptMs)) end
return { 0, math.max(0, left), math.ceil(after - now), 0 }`

/**
 * ARGV behind those of SHARES: id, deadline, model, ms after which all of it is forgotten. Returns 0 when it is held now, 1
 * when it was before, 2 when it is too much.
 */
export const HOLD = `${SHARES}
local hold = table.concat({ ARGV[4], now, ARGV[7], ARGV[8] }, ' ')
if redis.call('HEXISTS', KEYS[2], ARGV[6]) == 1 then
  -- Of a batch that was long in coming: its time begins now.
  redis.call('HSET', KEYS[2], ARGV[6], hold)
  return 1
end
if isExhausted() then return 2 end
redis.call('HSET', KEYS[2], ARGV[6], hold)
redis.call('HINCRBY', KEYS[1], 'bytes', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[9])
redis.call('PEXPIRE', KEYS[2], ARGV[9])
return 0`
