import { predictQueueName, WEBHOOK_QUEUE_NAME } from '@menagerie/contract/job'
import { isTerminal } from '@menagerie/contract/prediction'
import { jobKey } from '@menagerie/shared/keys'
import { parseUploadId } from '@menagerie/shared/upload-store/upload-id'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { SweepBatches } from './batches/sweep-batches.ts'
import type { Deletions } from './delete-prediction.ts'
import type { Forget } from './forget.ts'
import type { JobQueue } from './job-queue.ts'
import type { ModelCatalog } from './model-catalog.ts'
import type { RecordReader, StoredPrediction } from './record-reader.ts'

export interface SweepReport {
  /** Pictures that nobody needs any more. */
  uploads: number
  /** Records of what was canceled or had expired. */
  records: number
  /** Webhooks of submissions that another with the same key was taken before. */
  webhooks: number
  /** Deletions that still wait for a worker or a delivery. */
  deletions: number
  /** Batches that were gone on with, or dropped after their time. */
  batches: number
}

const BATCH_SIZE = 100
const RECORDS_MAX = 1000

/**
 * Makes one sweep: finishes deletions, and drops pictures whose prediction has ended or is gone, and records past their
 * time. All of that is dropped at once where it falls; the sweep is for what a crash, or a connection that was lost,
 * has left.
 */
export const createSweep = (
  deps: {
    redis: RedisConnection
    reader: RecordReader
    uploads: UploadStore
    catalog: ModelCatalog
    forget: Forget
    queue: Pick<JobQueue, 'readWebhook' | 'removeWebhook'>
    deletions: Pick<Deletions, 'finish'>
    sweepBatches: SweepBatches
    /** Whether there is room for pictures that may be of use: those of what failed. */
    hasSpareRoom: () => Promise<boolean>
  },
  options: {
    prefix: string
    resultTtlMs: number
    /** An upload this old is needed by nobody, whatever its owner says. */
    uploadTtlMs: number
    /** A webhook this young may belong to a job that is only about to be made. */
    graceMs: number
    /** The same of a picture: the first of a batch may be older than the batch by all the time that it took to arrive. */
    uploadGraceMs: number
  },
) => {
  const isReplayable = ({ status, replayedBy }: StoredPrediction): boolean =>
    status === 'failed' && replayedBy === null

  /** Null when there is none; 'unknown' when there is one that only a newer gateway understands. */
  const findOwner = async (id: string, model: string): Promise<StoredPrediction | 'unknown' | null> => {
    const found = await deps.reader.find(id, model)
    if (found !== null) return found
    const isThere = await deps.redis.exists(jobKey(options.prefix, predictQueueName(model), id))
    return isThere === 1 ? 'unknown' : null
  }

  const isNeeded = async (uploadId: string): Promise<boolean> => {
    const owner = parseUploadId(uploadId)
    // Of another kind: it goes when it expires, if it does.
    if (owner === null) return true
    const ageMs = Date.now() - owner.storedAt
    if (ageMs < options.uploadGraceMs) return true
    if (ageMs > options.uploadTtlMs) return false
    const found = await findOwner(owner.predictionId, owner.model)
    if (found === 'unknown') return true
    if (found === null || found.isHidden || found.record.data.upload.id !== uploadId) return false
    if (!isTerminal(found.status)) return true
    return isReplayable(found) && (await deps.hasSpareRoom())
  }

  const sweepUploads = async (signal: AbortSignal | undefined): Promise<number> => {
    let dropped = 0
    const dropUnneeded = async (uploadId: string): Promise<void> => {
      if (await isNeeded(uploadId)) return
      signal?.throwIfAborted()
      await deps.uploads.delete(uploadId)
      dropped += 1
    }
    let batch: string[] = []
    for await (const uploadId of deps.uploads.list()) {
      signal?.throwIfAborted()
      batch.push(uploadId)
      if (batch.length < BATCH_SIZE) continue
      await Promise.all(batch.map(dropUnneeded))
      batch = []
    }
    await Promise.all(batch.map(dropUnneeded))
    return dropped
  }

  /** How far the records of each model were looked through: what failed for good is to be looked at once. */
  const sweptTo = new Map<string, number>()

  /** BullMQ has what was canceled or has expired among what failed, and keeps that for much longer. */
  const sweepRecords = async (model: string): Promise<number> => {
    const key = jobKey(options.prefix, predictQueueName(model), 'failed')
    const from = sweptTo.get(model) ?? 0
    const to = Date.now() - options.resultTtlMs
    const entries = await deps.redis.zrangebyscore(key, from, to, 'WITHSCORES', 'LIMIT', 0, RECORDS_MAX)
    let dropped = 0
    for (let i = 0; i < entries.length; i += 2) {
      const id = entries[i] ?? ''
      const found = await deps.reader.find(id, model)
      if (found?.isHidden === true) {
        const outcome = await deps.forget({ id, model, rawData: found.rawData })
        if (outcome === 'gone') dropped += 1
      }
      sweptTo.set(model, Number(entries[i + 1]))
    }
    return dropped
  }

  const sweepAllRecords = async (): Promise<number> => {
    let records = 0
    for (const model of await deps.catalog.listNames()) records += await sweepRecords(model)
    return records
  }

  /** A gateway that died in between has left the webhook of a submission that was not the first with its key. */
  const sweepWebhooks = async (): Promise<number> => {
    const key = jobKey(options.prefix, WEBHOOK_QUEUE_NAME, 'waiting-children')
    const ids = await deps.redis.zrangebyscore(key, 0, Date.now() - options.graceMs)
    let dropped = 0
    for (const id of ids) {
      const data = await deps.queue.readWebhook(id)
      const found = data === null ? 'unknown' : await findOwner(data.prediction_id, data.model)
      if (found === 'unknown' || found?.webhookJobId === id) continue
      if (await deps.queue.removeWebhook(id)) dropped += 1
    }
    return dropped
  }

  /** @param signal when it fires, what is not done is left to the next sweep */
  return async (signal?: AbortSignal): Promise<SweepReport> => {
    // What fails in one of them must not keep the others from being done.
    const { finish } = deps.deletions
    // Pictures last: those of a batch that is gone on with are needed.
    const parts = [finish, deps.sweepBatches, sweepAllRecords, sweepWebhooks, sweepUploads]
    const counts: number[] = []
    const errors: unknown[] = []
    for (const part of parts) {
      signal?.throwIfAborted()
      await part(signal).then(
        (count) => counts.push(count),
        (error: unknown) => errors.push(error),
      )
    }
    if (errors.length > 0) throw new AggregateError(errors, 'the sweep is not complete')
    const [deletions = 0, batches = 0, records = 0, webhooks = 0, uploads = 0] = counts
    return { uploads, records, webhooks, deletions, batches }
  }
}
export type Sweep = ReturnType<typeof createSweep>
