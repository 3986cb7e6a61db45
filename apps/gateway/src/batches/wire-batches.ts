import type { AnnounceEnd } from '@menagerie/shared/announce-end'
import type { PredictJobData } from '@menagerie/contract/job'
import type { Keys } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import type { Tracer } from '@menagerie/tracing/tracer'
import type { Logger } from 'pino'
import type { Admission } from '../admission.ts'
import type { JobQueue } from '../job-queue.ts'
import type { ModelCatalog } from '../model-catalog.ts'
import type { Identify } from '../prediction-id.ts'
import type { Shares } from '../tenants/shares.ts'
import type { WebhookUrlPolicy } from '../webhooks/url-policy.ts'
import { createAcceptBatch } from './accept-batch.ts'
import { createBatchReader } from './batch-reader.ts'
import { createBatchStore } from './batch-store.ts'
import { createCancelBatch, createCancelItems } from './cancel-batch.ts'
import { createDropStaged } from './drop-staged.ts'
import { createFinishBatch } from './finish-batch.ts'
import { createItemReader } from './item-reader.ts'
import { createStageItems, type StageDeps } from './stage-items.ts'
import { createSweepBatches } from './sweep-batches.ts'
import { createWatchBatch } from './watch-batch.ts'

export interface BatchDeps {
  redis: RedisConnection
  keys: Keys
  catalog: ModelCatalog
  queue: JobQueue
  /** Over the connection that jobs go over, behind their pictures. */
  accepting: UploadStore
  uploads: UploadStore
  identify: Identify
  admission: Pick<Admission, 'enter'>
  acceptWith: StageDeps['acceptWith']
  checkWebhookUrl: WebhookUrlPolicy
  shares: Pick<Shares, 'admit' | 'hold' | 'release'>
  announceEnd: AnnounceEnd
  tracer: Tracer
  onAccepted: (data: PredictJobData) => void
  log: Logger
}

export interface BatchOptions {
  prefix: string
  resultTtlMs: number
  deadLetterTtlMs: number
  uploadBytesMax: number
  uploadTtlMs: number
  stagingMaxMs: number
  graceMs: number
}

/** All that can be done with batches. */
export const wireBatches = (deps: BatchDeps, options: BatchOptions) => {
  const { redis, keys, catalog, queue, uploads, identify, checkWebhookUrl, shares, announceEnd, log } = deps
  // No item is there longer than its picture may be, and a result after that.
  const ttlMs = options.uploadTtlMs + options.resultTtlMs
  const store = createBatchStore({ redis, keys }, { ttlMs })
  const reader = createBatchReader({ store, readRecords: createItemReader({ redis }, options) }, options)
  const finishBatch = createFinishBatch({ store, queue, tracer: deps.tracer })
  const dropStaged = createDropStaged({ uploads, shares })
  const { accepting, admission, acceptWith } = deps
  const stageItems = createStageItems(
    { uploads: accepting, shares, admission, dropStaged, acceptWith },
    options,
  )
  const cancelItems = createCancelItems({ redis, keys, reader, uploads, announceEnd, log }, options)
  return {
    reader,
    acceptBatch: createAcceptBatch({
      store,
      reader,
      catalog,
      identify,
      checkWebhookUrl,
      stageItems,
      finishBatch,
      dropStaged,
      queue,
      onAccepted: deps.onAccepted,
    }),
    cancelBatch: createCancelBatch({ reader, cancelItems }),
    watchBatch: createWatchBatch({ store, reader, queue, tracer: deps.tracer }, options),
    sweepBatches: createSweepBatches({ store, reader, finishBatch, cancelItems }, options),
  }
}
export type Batches = ReturnType<typeof wireBatches>
