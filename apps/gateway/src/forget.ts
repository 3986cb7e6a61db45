import { predictQueueName } from '@menagerie/contract/job'
import { DELETED_AT_FIELD } from '@menagerie/contract/job-record'
import { jobKey } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'

/**
 * KEYS: job hash, then every place where a job may stand. ARGV: job id, expected data ('' is that of any deleted one).
 * Returns 1 when the record is gone, 0 when a worker has the job, -1 when it is not one to be forgotten: it has neither
 * ended nor been deleted, or is another than expected, made later with the same key.
 *
 * BullMQ's own remove() would take whatever has this id by now. It is told nothing: a prediction that has ended has told
 * its webhook, and the webhook of a deleted one is removed before.
 */
const FORGET = `
local found = redis.call('HMGET', KEYS[1], 'data', 'finishedOn', '${DELETED_AT_FIELD}')
if not found[1] then return 1 end
if ARGV[2] == '' and not found[3] then return -1 end
if ARGV[2] ~= '' and ARGV[2] ~= found[1] then return -1 end
if not found[2] and not found[3] then return -1 end
local removed = redis.call('LREM', KEYS[2], 0, ARGV[1])
for i = 3, #KEYS do removed = removed + redis.call('ZREM', KEYS[i], ARGV[1]) end
if removed == 0 then return 0 end
for _, suffix in ipairs({ '', ':logs', ':dependencies', ':processed', ':failed', ':unsuccessful' }) do
  redis.call('DEL', KEYS[1] .. suffix)
end
return 1`

const PLACES = ['wait', 'prioritized', 'delayed', 'completed', 'failed'] as const

const OUTCOMES = { 1: 'gone', 0: 'busy', '-1': 'kept' } as const
export type ForgetOutcome = (typeof OUTCOMES)[keyof typeof OUTCOMES]

/**
 * Removes the record of a prediction that has ended or was deleted, in one step; by its data it is told from a later one
 * with the same id.
 */
export const createForget =
  (deps: { redis: RedisConnection }, options: { prefix: string }) =>
  async (target: { id: string; model: string; rawData?: string }): Promise<ForgetOutcome> => {
    const keys = [target.id, ...PLACES].map((name) =>
      jobKey(options.prefix, predictQueueName(target.model), name),
    )
    const reply = await deps.redis.eval(FORGET, keys.length, ...keys, target.id, target.rawData ?? '')
    return OUTCOMES[reply as keyof typeof OUTCOMES]
  }
export type Forget = ReturnType<typeof createForget>
