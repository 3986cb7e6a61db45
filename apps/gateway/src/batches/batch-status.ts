import type { BatchItemStatus, BatchStatus, BatchSummary } from '@menagerie/contract/batch'
import { readEnd } from '../job-view.ts'
import { isEnded, type PredictionRead } from '../record-reader.ts'
import type { StoredBatch, StoredItem } from './batch-record.ts'

/** An item with what its prediction says; `read` is null when it never became one, or is gone. */
export interface ItemRead {
  index: number
  item: StoredItem
  read: PredictionRead | null
}

/** A batch with all its items, read at about the same time. */
export interface BatchRead {
  batch: StoredBatch
  items: ItemRead[]
}

export const readItemStatus = ({ item, read }: ItemRead): BatchItemStatus => {
  if (item.prediction_id === null) return 'failed'
  return read === null ? 'gone' : read.status
}

export const hasItemEnded = ({ read }: Pick<ItemRead, 'read'>): boolean => read === null || isEnded(read)

/** When its last item ended, epoch ms; null while one has not. */
export const readBatchEnd = ({ batch, items }: BatchRead): number | null => {
  if (!items.every(hasItemEnded)) return null
  const ends = items.map(({ read }) => (read === null ? null : readEnd(read.record, read.status)))
  return Math.max(batch.data.created_at, ...ends.map((end) => end ?? 0))
}

/**
 * The status of a batch, a pure and monotone function of its record and those of its items: it is marked as canceled
 * only in a step that cancels one of its items, so nobody has seen it completed before; and what has ended stays so.
 */
export const readBatchStatus = (read: BatchRead): BatchStatus => {
  if (read.batch.canceledAt !== null) return 'canceled'
  return read.items.every(hasItemEnded) ? 'completed' : 'processing'
}

export const countItems = (items: ItemRead[]): BatchSummary['counts'] => {
  const counts = { queued: 0, processing: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0, gone: 0 }
  for (const item of items) counts[readItemStatus(item)] += 1
  return counts
}

/** Until when it can be read, epoch ms; null while it runs. */
export const readBatchExpiry = (read: BatchRead, resultTtlMs: number): number | null => {
  const end = readBatchEnd(read)
  return end === null ? null : end + resultTtlMs
}
