import { predictQueueName, WEBHOOK_QUEUE_NAME } from '@menagerie/contract/job'
import { CANCELED_AT_FIELD, DELETED_AT_FIELD, REPLAYED_BY_FIELD } from '@menagerie/contract/job-record'
import { jobKey } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import { rememberEach } from '../remember-each.ts'

// A thousand records keep Redis for a millisecond; whoever has more dead letters knows enough.
const LOOKED_AT = 1000
const REMEMBERED_MS = 10_000

/**
 * KEYS: failed set. ARGV: what keys of jobs begin with. Of the latest that failed, how many may be replayed: BullMQ has
 * what was canceled or has expired among them.
 */
const COUNT_DEAD_LETTERS = `
local count = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], -${LOOKED_AT}, -1)) do
  local reason, canceled, deleted, replayed = unpack(redis.call('HMGET', ARGV[1] .. id, 'failedReason',
    '${CANCELED_AT_FIELD}', '${DELETED_AT_FIELD}', '${REPLAYED_BY_FIELD}'))
  local isOver = canceled or deleted or replayed or not reason or string.find(reason, '^prediction_')
  if not isOver then count = count + 1 end
end
return count`

/** How much lies among the dead letters: predictions of each model, up to a thousand, and webhooks. Up to 10 s old. */
export const createDeadLetterCounts = (deps: { redis: RedisConnection }, options: { prefix: string }) => {
  const keyOf = (queue: string, name: string): string => jobKey(options.prefix, queue, name)
  const readModel = rememberEach(
    async (model) => {
      const queue = predictQueueName(model)
      return Number(await deps.redis.eval(COUNT_DEAD_LETTERS, 1, keyOf(queue, 'failed'), keyOf(queue, '')))
    },
    { forMs: REMEMBERED_MS },
  )
  return {
    readModel,
    readWebhooks: (): Promise<number> => deps.redis.zcard(keyOf(WEBHOOK_QUEUE_NAME, 'failed')),
  }
}
export type DeadLetterCounts = ReturnType<typeof createDeadLetterCounts>
