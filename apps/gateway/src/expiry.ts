import type { JobRecord } from '@menagerie/contract/job-record'
import type { PredictionStatus } from '@menagerie/contract/prediction'

export interface RetentionOptions {
  /** How long a prediction can be read after its end. */
  resultTtlMs: number
  /** The same for one that failed, which can be replayed as long; no less than the other. */
  deadLetterTtlMs: number
}

/**
 * Until when a prediction can be read, epoch ms; null while the queue still has it. That can be after its terminal
 * status: one that was canceled or has expired stays until a worker comes by and settles it.
 */
export const expiresAt = (
  { finishedOn }: JobRecord,
  status: PredictionStatus,
  options: RetentionOptions,
): number | null => {
  if (finishedOn === null) return null
  const { resultTtlMs, deadLetterTtlMs } = options
  return finishedOn + (status === 'failed' ? Math.max(resultTtlMs, deadLetterTtlMs) : resultTtlMs)
}
