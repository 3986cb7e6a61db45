import { ANONYMOUS_ID, predictQueueName } from '@menagerie/contract/job'
import { PROGRESS_FIELDS } from '@menagerie/contract/record-fields'
import type { RedisConnection } from './redis.ts'
import { jobKey, type Keys } from './keys.ts'
import { READ_NOW } from './lua.ts'
import { RELEASE_SHARE } from './release-share.ts'

/**
 * KEYS: job hash, the two keys of its tenant's shares. ARGV: channel, job id, fields. Publishes an
 * `EndMessage`. Reading and publishing are one step, so that nobody who hears of the end has to come and ask.
 */
const ANNOUNCE_END = `
${READ_NOW}
${RELEASE_SHARE}
releaseShare(KEYS[2], KEYS[3], ARGV[2])
local values = redis.call('HMGET', KEYS[1], unpack(ARGV, 3))
local message = { now_ms = now, values = values }
return redis.call('PUBLISH', ARGV[1], ARGV[2] .. ' ' .. cjson.encode(message))`

/** Tells every gateway that a prediction has ended, and how; its tenant has room for another. */
export const createAnnounceEnd =
  (deps: { redis: RedisConnection; keys: Keys }, options: { prefix: string }) =>
  async (id: string, model: string, tenant: string = ANONYMOUS_ID): Promise<void> => {
    const key = jobKey(options.prefix, predictQueueName(model), id)
    const keys = [key, deps.keys.shares(tenant), deps.keys.held(tenant)]
    await deps.redis.eval(ANNOUNCE_END, keys.length, ...keys, deps.keys.ended, id, ...PROGRESS_FIELDS)
  }
export type AnnounceEnd = ReturnType<typeof createAnnounceEnd>
