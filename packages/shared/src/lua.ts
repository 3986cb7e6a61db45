// Parts of Lua scripts that several of ours begin with.

/**
 * First in a script that only notes something small, with the hash that it is about as KEYS[1]. A full Redis refuses
 * every command that could need memory, but for what follows a write that never does (HDEL is one), so that a script is
 * not left half done.
 */
export const GO_ON_WHEN_FULL = `redis.call('HDEL', KEYS[1], '')`

/** Sets `now` to Redis' time, epoch ms. */
export const READ_NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`
