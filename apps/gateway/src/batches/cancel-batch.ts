import { AppError } from '@menagerie/contract/errors'
import { predictQueueName } from '@menagerie/contract/job'
import type { AnnounceEnd } from '@menagerie/shared/announce-end'
import { jobKey, type Keys } from '@menagerie/shared/keys'
import { GO_ON_WHEN_FULL, READ_NOW } from '@menagerie/shared/lua'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { Logger } from 'pino'
import { CANCEL_FUNCTION } from '../cancel-prediction.ts'
import { guardRedis } from '../guard-redis.ts'
import type { BatchReader } from './batch-reader.ts'
import { hasItemEnded, type BatchRead } from './batch-status.ts'

/**
 * KEYS: batch, prioritized set, job hashes. ARGV: channel, job ids. Cancels what has not ended; the batch is marked in the
 * same step in which the first of its items is, so that nobody has seen it completed before. Returns the places of
 * those that were canceled.
 */
const CANCEL_ITEMS = `
${GO_ON_WHEN_FULL}
${READ_NOW}
${CANCEL_FUNCTION}
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local done = {}
for i = 3, #KEYS do
  if cancel(KEYS[i], KEYS[2], KEYS[i], ARGV[i - 1], ARGV[1], now) == 2 then
    redis.call('HSETNX', KEYS[1], 'canceledAt', now)
    done[#done + 1] = i - 3
  end
end
return done`

// A thousand in one script would hold everybody else up.
const SLICE = 100

export interface CancelBatchDeps {
  redis: RedisConnection
  keys: Keys
  reader: BatchReader
  uploads: UploadStore
  announceEnd: AnnounceEnd
  log: Logger
}

/** Cancels the items of a batch that have not ended, from the last on, so that no worker gets ahead of it. */
export const createCancelItems = (deps: CancelBatchDeps, options: { prefix: string }) => {
  const { redis, keys } = deps

  /** What is missed here is made up for: waiters look again by themselves, and the sweeper finds the pictures. */
  const settle = async ({ batch, items }: BatchRead, canceled: Set<string>): Promise<void> => {
    const uploadIds = items.flatMap(({ item, read }) =>
      canceled.has(item.prediction_id ?? '') ? (read?.record.data.upload.id ?? []) : [],
    )
    await Promise.all([
      ...Array.from(canceled, (id) => deps.announceEnd(id, batch.data.model, batch.data.tenant)),
      ...uploadIds.map((id) => deps.uploads.delete(id)),
    ]).catch((err: unknown) =>
      deps.log.warn({ err, batchId: batch.id }, 'cancellation not announced, or uploads not deleted'),
    )
  }

  return async (read: BatchRead): Promise<void> => {
    const { batch, items } = read
    const open = items.filter((item) => !hasItemEnded(item)).map(({ item }) => item.prediction_id ?? '')
    const queueName = predictQueueName(batch.data.model)
    const key = (name: string): string => jobKey(options.prefix, queueName, name)
    for (let to = open.length; to > 0; to -= SLICE) {
      const ids = open.slice(Math.max(0, to - SLICE), to)
      const places = [keys.batch(batch.id), key('prioritized'), ...ids.map(key)]
      const reply = await guardRedis(() =>
        redis.eval(CANCEL_ITEMS, places.length, ...places, keys.canceled, ...ids),
      )
      const canceled = (reply as number[]).map((place) => ids[place] ?? '')
      await settle(read, new Set(canceled))
    }
  }
}
export type CancelItems = ReturnType<typeof createCancelItems>

/**
 * Cancels a batch; one that is canceled already stays so.
 *
 * @returns the batch as it is then; null when there is no such batch
 * @throws AppError `batch_ended`, `queue_unavailable`
 */
export const createCancelBatch =
  (deps: { reader: BatchReader; cancelItems: CancelItems }) =>
  async (found: BatchRead): Promise<BatchRead | null> => {
    await deps.cancelItems(found)
    const read = await deps.reader.read(found.batch.id)
    if (read !== null && read.batch.canceledAt === null) {
      throw new AppError('batch_ended', 'all its items have ended already')
    }
    return read
  }
