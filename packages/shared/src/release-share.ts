/**
 * To be followed by `releaseShare(<tenant's shares>, <what it holds>, <id>)`: the prediction counts no more among those
 * that the tenant has not ended. A deletion comes first, so that a full Redis goes on.
 */
export const RELEASE_SHARE = `
local function releaseShare(shares, held, id)
  local hold = redis.call('HGET', held, id)
  if not hold or redis.call('HDEL', held, id) == 0 then return end
  if redis.call('EXISTS', shares) == 0 then return end
  redis.call('HINCRBY', shares, 'bytes', -string.match(hold, '^%d+'))
end`
