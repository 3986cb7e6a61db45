import type { StoredBatch } from './batch-record.ts'
import type { BatchReader } from './batch-reader.ts'
import { hasItemEnded } from './batch-status.ts'
import type { BatchStore } from './batch-store.ts'
import type { CancelItems } from './cancel-batch.ts'
import type { FinishBatch } from './finish-batch.ts'

export interface SweepBatchesDeps {
  store: BatchStore
  reader: BatchReader
  finishBatch: FinishBatch
  cancelItems: CancelItems
}

/**
 * Goes on with what gateways that died have begun: batches that were noted and not enqueued in full, cancellations that
 * did not reach every item; and drops batches that nobody can read any more. Resolves with how many it had to do with.
 */
export const createSweepBatches = (
  deps: SweepBatchesDeps,
  options: {
    /** One this young may be in the hands of a request. */
    graceMs: number
    resultTtlMs: number
  },
) => {
  const { store, reader } = deps

  const isOver = async (batch: StoredBatch): Promise<boolean> => {
    // Its webhook has to be able to say how it ended.
    if (batch.data.webhook !== null && batch.notifiedAt === null) return false
    // So young that its items need not be looked at, which takes a reading of them all.
    if (batch.nowMs - batch.data.created_at < options.resultTtlMs) return false
    return reader.isExpired(await reader.complete(batch))
  }

  const sweepOne = async (id: string): Promise<boolean> => {
    const batch = await store.find(id)
    if (batch === null) {
      await store.remove(id)
      return true
    }
    if (batch.nowMs - batch.data.created_at < options.graceMs) return false
    if (batch.acceptedAt === null) {
      await deps.finishBatch(id, batch.data, await store.readPlan(id))
      return true
    }
    if (batch.canceledAt !== null && batch.nowMs - batch.canceledAt >= options.graceMs) {
      const read = await reader.complete(batch)
      if (!read.items.every(hasItemEnded)) {
        await deps.cancelItems(read)
        return true
      }
    }
    if (!(await isOver(batch))) return false
    await store.remove(id)
    return true
  }

  return async (): Promise<number> => {
    let swept = 0
    const errors: unknown[] = []
    for (const id of await store.listIds()) {
      try {
        if (await sweepOne(id)) swept += 1
      } catch (error) {
        // It must not keep those behind it from being done.
        errors.push(error)
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'not all batches could be swept')
    return swept
  }
}
export type SweepBatches = ReturnType<typeof createSweepBatches>
