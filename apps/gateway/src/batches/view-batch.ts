import type { Batch, BatchItem, BatchResult, BatchSummary } from '@menagerie/contract/batch'
import type { PredictionViewer } from '../predictions.ts'
import {
  countItems,
  readBatchEnd,
  readBatchExpiry,
  readBatchStatus,
  readItemStatus,
  type BatchRead,
  type ItemRead,
} from './batch-status.ts'

export const batchPath = (id: string): string => `/v1/batches/${id}`

const GONE = {
  code: 'prediction_not_found',
  message: 'it was deleted, or ended longer than RESULT_TTL ago',
} as const

const formatTime = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

/** What a client sees of a batch without its items. */
export const viewBatchSummary = (
  read: BatchRead,
  context: { baseUrl: string; resultTtlMs: number },
): BatchSummary => {
  const { id, data } = read.batch
  const url = `${context.baseUrl}${batchPath(id)}`
  return {
    id,
    status: readBatchStatus(read),
    model: data.model,
    total: data.total,
    counts: countItems(read.items),
    metadata: data.metadata,
    created_at: new Date(data.created_at).toISOString(),
    completed_at: formatTime(readBatchEnd(read)),
    expires_at: formatTime(readBatchExpiry(read, context.resultTtlMs)),
    urls: { get: url, results: `${url}/results`, cancel: `${url}/cancel` },
  }
}

/** Shows items and results, with what a prediction of theirs says. */
export const createBatchViewer = (
  deps: { viewPrediction: PredictionViewer },
  options: { resultTtlMs: number },
) => {
  const viewResult = async (item: ItemRead, baseUrl: string): Promise<BatchResult> => {
    const { index, read, item: stored } = item
    const prediction = read === null ? null : await deps.viewPrediction(read, baseUrl)
    const status = readItemStatus(item)
    return {
      index,
      custom_id: stored.custom_id,
      prediction_id: stored.prediction_id,
      status,
      error: status === 'gone' ? GONE : (stored.error ?? prediction?.error ?? null),
      model: prediction?.model ?? null,
      output: prediction?.output ?? null,
      metadata: prediction?.metadata ?? {},
      completed_at: prediction?.completed_at ?? null,
    }
  }
  const viewItem = async (item: ItemRead, baseUrl: string): Promise<BatchItem> => {
    const { index, custom_id, prediction_id, status, error } = await viewResult(item, baseUrl)
    return { index, custom_id, prediction_id, status, error }
  }
  return {
    viewResult,
    async viewBatch(
      read: BatchRead,
      page: { baseUrl: string; offset: number; limit: number },
    ): Promise<Batch> {
      const { baseUrl, offset, limit } = page
      const items = read.items.slice(offset, offset + limit)
      return {
        ...viewBatchSummary(read, { baseUrl, ...options }),
        items: await Promise.all(items.map((item) => viewItem(item, baseUrl))),
        has_more: offset + items.length < read.items.length,
      }
    },
  }
}
export type BatchViewer = ReturnType<typeof createBatchViewer>
