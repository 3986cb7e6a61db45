import { guardRedis } from '../guard-redis.ts'
import type { StoredBatch, StoredItem } from './batch-record.ts'
import { readBatchExpiry, type BatchRead, type ItemRead } from './batch-status.ts'
import type { BatchStore } from './batch-store.ts'
import type { ItemReader } from './item-reader.ts'

export interface BatchReader {
  /**
   * Reads a batch that was accepted, with all its items, in two round trips; null when there is none (any more).
   *
   * @throws AppError `queue_unavailable`
   */
  read(id: string): Promise<BatchRead | null>
  /** The same of a batch that has been found. */
  complete(batch: StoredBatch): Promise<BatchRead>
  /** Some of its items, by their places. */
  readItems(batch: StoredBatch, from: number, to: number): Promise<ItemRead[]>
  /** Whether it ended so long ago that nobody is to see it any more. */
  isExpired(read: BatchRead): boolean
}

export const createBatchReader = (
  deps: { store: Pick<BatchStore, 'find'>; readRecords: ItemReader },
  options: { resultTtlMs: number },
): BatchReader => {
  const readItems = async (batch: StoredBatch, from: number, to: number): Promise<ItemRead[]> => {
    const items = batch.items.slice(from, to)
    const ids = items.map(({ prediction_id }) => prediction_id).filter((id) => id !== null)
    const reads = await deps.readRecords(batch.data.model, ids)
    const readOf = new Map(ids.map((id, i) => [id, reads[i] ?? null]))
    const find = ({ prediction_id: id }: StoredItem) => (id === null ? null : (readOf.get(id) ?? null))
    return items.map((item, i) => ({ index: from + i, item, read: find(item) }))
  }
  const complete = async (batch: StoredBatch): Promise<BatchRead> => ({
    batch,
    items: await readItems(batch, 0, batch.items.length),
  })
  const isExpired = (read: BatchRead): boolean => {
    const { nowMs } = read.batch
    return nowMs > (readBatchExpiry(read, options.resultTtlMs) ?? nowMs)
  }
  return {
    readItems,
    complete,
    isExpired,
    async read(id) {
      const batch = await guardRedis(() => deps.store.find(id))
      if (batch === null || batch.acceptedAt === null) return null
      const read = await complete(batch)
      return isExpired(read) ? null : read
    },
  }
}
