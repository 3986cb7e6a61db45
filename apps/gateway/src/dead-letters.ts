import { AppError, parseFailedReason, type ErrorCode } from '@menagerie/contract/errors'
import { predictQueueName, type PredictJobData } from '@menagerie/contract/job'
import { REPLAYED_BY_FIELD } from '@menagerie/contract/job-record'
import type { TraceContext } from '@menagerie/contract/trace-context'
import { jobKey } from '@menagerie/shared/keys'
import { createUploadId } from '@menagerie/shared/upload-store/upload-id'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import type { RedisConnection } from '@menagerie/shared/redis'
import { randomUUID } from 'node:crypto'
import type { Enqueue } from './enqueue.ts'
import type { Forget } from './forget.ts'
import { guardRedis } from './guard-redis.ts'
import type { JobQueue } from './job-queue.ts'
import type { ModelCatalog } from './model-catalog.ts'
import type { Identify } from './prediction-id.ts'
import type { PredictionRead, RecordReader, StoredPrediction } from './record-reader.ts'

export interface DeadLetterFilter {
  model?: string
  /** Why it failed. */
  code?: ErrorCode
}

export interface DeadLetters {
  /** Predictions that failed and were not replayed, model by model, oldest first. */
  walk(filter: DeadLetterFilter): AsyncIterable<StoredPrediction>
  /**
   * Makes a new prediction of the same picture and options, and the same webhook. To replay one twice gives the same
   * new prediction.
   *
   * @param trace of whoever asks
   * @throws AppError `dead_letter_not_found`, `upload_expired`, `upload_store_unavailable`, `queue_unavailable`, `queue_full`
   */
  replay(id: string, trace: TraceContext | undefined): Promise<PredictionRead>
  /**
   * Forgets a failed prediction and its picture.
   *
   * @throws AppError `dead_letter_not_found`, `upload_store_unavailable`, `queue_unavailable`
   */
  purge(id: string): Promise<void>
}

/** KEYS: job hash. ARGV: id. Not for a record that was purged meanwhile: it must not come back as a stump. */
const MARK_REPLAYED = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('HSET', KEYS[1], '${REPLAYED_BY_FIELD}', ARGV[1])`

const PAGE_SIZE = 100

/** What failed is kept by BullMQ in a sorted set per queue, by the time of its end. */
export const createDeadLetters = (
  deps: {
    redis: RedisConnection
    reader: RecordReader
    catalog: ModelCatalog
    uploads: UploadStore
    queue: JobQueue
    identify: Identify
    enqueue: Enqueue
    forget: Forget
  },
  options: { prefix: string; queueAgeMaxMs: number },
): DeadLetters => {
  const { redis, reader } = deps
  const keyOf = (model: string, name: string): string => jobKey(options.prefix, predictQueueName(model), name)

  const fits = (found: StoredPrediction, { code }: DeadLetterFilter): boolean =>
    found.status === 'failed' &&
    !found.isHidden &&
    found.replayedBy === null &&
    (code === undefined || parseFailedReason(found.record.failedReason ?? '').code === code)

  async function* walk(filter: DeadLetterFilter): AsyncIterable<StoredPrediction> {
    const models = filter.model === undefined ? await deps.catalog.listNames() : [filter.model]
    for (const model of models) {
      const key = keyOf(model, 'failed')
      for (let start = 0; ; start += PAGE_SIZE) {
        const ids = await guardRedis(() => redis.zrange(key, String(start), String(start + PAGE_SIZE - 1)))
        const page = await Promise.all(ids.map((id) => reader.find(id, model)))
        yield* page.filter((found) => found !== null).filter((found) => fits(found, filter))
        if (ids.length < PAGE_SIZE) break
      }
    }
  }

  const findFailed = async (id: string): Promise<StoredPrediction> => {
    const found = await reader.find(id)
    if (found === null || found.isHidden || found.status !== 'failed') {
      throw new AppError('dead_letter_not_found', 'no prediction with this id has failed, or it is too old')
    }
    return found
  }

  const copyUpload = async ({ record }: StoredPrediction): Promise<Buffer> => {
    const { id } = record.data.upload
    const bytes = id === null ? null : await guardRedis(() => deps.uploads.get(id))
    if (bytes !== null) return bytes
    throw new AppError('upload_expired', 'its picture is gone, so it cannot be replayed')
  }

  const repeatData = (id: string, original: PredictJobData, replayOf: string): PredictJobData => {
    const { known: _known, trace: _trace, ...data } = original
    return {
      ...data,
      upload: { ...data.upload, id: createUploadId({ model: data.model, predictionId: id }) },
      deadline: Date.now() + options.queueAgeMaxMs,
      replay_of: replayOf,
      idempotency: { submission_id: randomUUID(), request_sha256: data.upload.sha256 },
    }
  }

  const enqueueReplay = async (
    id: string,
    failed: StoredPrediction,
    trace: TraceContext | undefined,
  ): Promise<void> => {
    const { webhookJobId, record } = failed
    const bytes = await copyUpload(failed)
    const asked = webhookJobId === null ? null : await guardRedis(() => deps.queue.readWebhook(webhookJobId))
    const webhook = asked === null ? null : { url: asked.url, baseUrl: asked.base_url }
    const data = { ...repeatData(id, record.data, record.id), ...(trace === undefined ? {} : { trace }) }
    await deps.enqueue({ id, data, bytes, webhook, link: record.data.trace })
  }

  return {
    walk,

    async replay(replayOf, trace) {
      const failed = await findFailed(replayOf)
      const { data } = failed.record
      // The same for every replay of this one, so that two at the same time, or one after a crash, make one prediction.
      const id = await deps.identify('replay', data.idempotency?.submission_id ?? replayOf)
      if ((await reader.read(id)) === null) await enqueueReplay(id, failed, trace)
      // From here on the new prediction stands for the old one, whose picture has become superfluous. Also where an
      // earlier replay was broken off before this.
      await guardRedis(async () => {
        await redis.eval(MARK_REPLAYED, 1, keyOf(data.model, replayOf), id)
        if (data.upload.id !== null) await deps.uploads.delete(data.upload.id)
      })
      const read = await reader.read(id)
      if (read !== null) return read
      throw new AppError('dead_letter_not_found', 'it was replayed, and the new prediction deleted meanwhile')
    },

    async purge(id) {
      const { record, rawData } = await findFailed(id)
      const { model, upload } = record.data
      await guardRedis(async () => {
        await deps.forget({ id, model, rawData })
        if (upload.id !== null) await deps.uploads.delete(upload.id)
      })
    },
  }
}
