import { AppError } from '@menagerie/contract/errors'
import { predictQueueName, WEBHOOK_QUEUE_NAME } from '@menagerie/contract/job'
import { CANCELED_AT_FIELD, DELETED_AT_FIELD, STARTED_AT_FIELD } from '@menagerie/contract/job-record'
import type { AnnounceEnd } from '@menagerie/shared/announce-end'
import { jobKey, type Keys } from '@menagerie/shared/keys'
import { GO_ON_WHEN_FULL, READ_NOW } from '@menagerie/shared/lua'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import type { RedisConnection } from '@menagerie/shared/redis'
import { traceIdsOf } from '@menagerie/tracing/trace-context'
import type { Logger } from 'pino'
import { guardRedis } from './guard-redis.ts'
import type { PredictionRead, RecordReader } from './record-reader.ts'

/**
 * Lua: marks a prediction as canceled unless it has ended. Returns 2 when it is done, 1 when it was before, 0 when it has
 * ended or is gone. BullMQ cannot settle a job that waits, so it goes to the front, where the next worker fails it
 * without running it; one that has it already hears of it on the channel. The job of its webhook (without one: its own
 * again) is marked as well: it may outlive the record, and BullMQ tells it only what the worker said in the end.
 */
export const CANCEL_FUNCTION = `
local function cancel(hash, prioritized, webhook, id, channel, now)
  local found = redis.call('HMGET', hash, 'data', '${DELETED_AT_FIELD}', '${CANCELED_AT_FIELD}', 'finishedOn', '${STARTED_AT_FIELD}')
  if not found[1] or found[2] then return 0 end
  if found[3] then return 1 end
  if found[4] then return 0 end
  if tonumber(found[5] or now) > cjson.decode(found[1]).deadline then return 0 end
  redis.call('HSET', hash, '${CANCELED_AT_FIELD}', now)
  if redis.call('EXISTS', webhook) == 1 then redis.call('HSET', webhook, '${CANCELED_AT_FIELD}', now) end
  redis.call('ZADD', prioritized, 'XX', 0, id)
  redis.call('PUBLISH', channel, id)
  return 2
end`

/** KEYS: job hash, prioritized set, hash of its webhook's job (or the first one again). ARGV: job id, channel. */
const CANCEL = `
${GO_ON_WHEN_FULL}
${READ_NOW}
${CANCEL_FUNCTION}
return cancel(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], now)`

/**
 * Cancels a prediction, and drops its picture; one that is canceled already stays so.
 *
 * @returns its record as it is then; null when there is no such prediction
 * @throws AppError `prediction_ended`, `queue_unavailable`
 */
export const createCancelPrediction = (
  deps: {
    redis: RedisConnection
    keys: Keys
    reader: RecordReader
    uploads: UploadStore
    announceEnd: AnnounceEnd
    log: Logger
  },
  options: { prefix: string },
) => {
  /** What is missed here is made up for: waiters look again by themselves, and the sweeper finds the picture. */
  const settle = ({ record: { id, data } }: PredictionRead): void => {
    Promise.all([
      deps.announceEnd(id, data.model, data.tenant),
      data.upload.id === null ? null : deps.uploads.delete(data.upload.id),
    ]).catch((err: unknown) =>
      deps.log.warn(
        { err, predictionId: id, ...traceIdsOf(data.trace) },
        'cancellation not announced, or upload not deleted',
      ),
    )
  }

  return async (id: string): Promise<PredictionRead | null> => {
    const found = await deps.reader.find(id)
    if (found === null || found.isHidden) return null
    const queueName = predictQueueName(found.record.data.model)
    const [hash = '', prioritized = ''] = [id, 'prioritized'].map((name) =>
      jobKey(options.prefix, queueName, name),
    )
    const { webhookJobId } = found
    const webhook = webhookJobId === null ? hash : jobKey(options.prefix, WEBHOOK_QUEUE_NAME, webhookJobId)
    const isCanceled = await guardRedis(() =>
      deps.redis.eval(CANCEL, 3, hash, prioritized, webhook, id, deps.keys.canceled),
    )
    const read = await deps.reader.read(id)
    if (read === null) return null
    if (isCanceled === 0) {
      throw new AppError('prediction_ended', `it has ended already: ${read.status}`)
    }
    settle(read)
    return read
  }
}
export type CancelPrediction = ReturnType<typeof createCancelPrediction>
