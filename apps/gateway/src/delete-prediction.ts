import {
  ANONYMOUS_ID,
  predictQueueName,
  WEBHOOK_QUEUE_NAME,
  type PredictJobData,
} from '@menagerie/contract/job'
import { CANCELED_AT_FIELD, DELETED_AT_FIELD } from '@menagerie/contract/job-record'
import { startWebhookId, webhookId } from '@menagerie/contract/webhook'
import { jobKey, type Keys } from '@menagerie/shared/keys'
import { GO_ON_WHEN_FULL, READ_NOW } from '@menagerie/shared/lua'
import type { ResultCache } from '@menagerie/shared/result-cache'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { Forget } from './forget.ts'
import { guardRedis } from './guard-redis.ts'
import type { JobQueue } from './job-queue.ts'
import type { ModelCatalog } from './model-catalog.ts'
import type { RecordReader, StoredPrediction } from './record-reader.ts'
import type { Shares } from './tenants/shares.ts'
import type { WebhookJobs } from './webhooks/webhook-jobs.ts'

/**
 * KEYS: job hash, prioritized set, list of deletions that are not done. ARGV: job id, channel, entry of that list, data of
 * the record that is meant. From here on nobody sees the prediction any more; one that waits or runs is canceled, so that
 * no worker keeps it long.
 */
const HIDE = `
${GO_ON_WHEN_FULL}
if redis.call('HGET', KEYS[1], 'data') ~= ARGV[4] then return 0 end
${READ_NOW}
redis.call('ZADD', KEYS[3], now, ARGV[3])
redis.call('HSETNX', KEYS[1], '${DELETED_AT_FIELD}', now)
if redis.call('HEXISTS', KEYS[1], 'finishedOn') == 0 then
  redis.call('HSETNX', KEYS[1], '${CANCELED_AT_FIELD}', now)
  redis.call('ZADD', KEYS[2], 'XX', 0, ARGV[1])
  redis.call('PUBLISH', ARGV[2], ARGV[1])
end
return 1`

interface Deletion {
  model: string
  id: string
  webhookJobId: string | null
  /** Of the picture, whose answer may be remembered. */
  sha256: string
  tenant: string
  /** Of the job that tells of its start; null when nobody asked for that. */
  startWebhookJobId: string | null
}

/** A model's name has no space, an id neither. */
const formatDeletion = (deletion: Deletion): string => {
  const { model, id, webhookJobId, sha256, tenant, startWebhookJobId } = deletion
  return [model, id, webhookJobId ?? '', sha256, tenant, startWebhookJobId ?? ''].join(' ').trimEnd()
}

const parseDeletion = (entry: string): Deletion => {
  const [model = '', id = '', webhookJobId = '', sha256 = '', tenant = ANONYMOUS_ID, startWebhookJobId = ''] =
    entry.split(' ')
  return {
    model,
    id,
    webhookJobId: webhookJobId === '' ? null : webhookJobId,
    sha256,
    tenant,
    startWebhookJobId: startWebhookJobId === '' ? null : startWebhookJobId,
  }
}

const describe = (id: string, data: PredictJobData, webhookJobId: string | null): Deletion => {
  const { model, upload, tenant = ANONYMOUS_ID, start_webhook, idempotency } = data
  const startWebhookJobId =
    start_webhook === undefined ? null : startWebhookId(idempotency?.submission_id ?? id)
  return { model, id, webhookJobId, sha256: upload.sha256, tenant, startWebhookJobId }
}

export interface Deletions {
  /**
   * Forgets everything about a prediction: its record, picture, webhooks, and the remembered answer for its bytes; also
   * what is left of one that is too old to be read. What a worker or a delivery has in its hands right now goes with a later `finish`.
   *
   * @returns whether there was one
   * @throws AppError `queue_unavailable`; `upload_store_unavailable` when the picture is left to the sweep
   */
  deletePrediction(id: string): Promise<boolean>
  /** Goes on with the deletions that are not done; resolves with how many still are not. */
  finish(): Promise<number>
}

export const createDeletions = (
  deps: {
    redis: RedisConnection
    keys: Keys
    reader: RecordReader
    uploads: UploadStore
    queue: JobQueue
    forget: Forget
    webhookJobs: WebhookJobs
    cache: ResultCache
    shares: Pick<Shares, 'release'>
    catalog: ModelCatalog
  },
  options: { prefix: string },
): Deletions => {
  const { redis, keys } = deps

  /** Safe to be repeated, and to be broken off anywhere: the entry goes last. */
  const finishOne = async (entry: string): Promise<boolean> => {
    const deletion = parseDeletion(entry)
    const { model, id, webhookJobId, startWebhookJobId } = deletion
    // First, since a record that goes while its webhook waits for it would set that off.
    if (webhookJobId !== null && !(await deps.queue.removeWebhook(webhookJobId))) return false
    if ((await deps.forget({ id, model })) === 'busy') return false
    // Not before, since its worker may only be about to make it.
    if (startWebhookJobId !== null && !(await deps.queue.removeWebhook(startWebhookJobId))) return false
    // BullMQ tells of each end, with the result, in streams that nobody here reads.
    for (const queueName of [predictQueueName(model), WEBHOOK_QUEUE_NAME]) {
      await redis.xtrim(jobKey(options.prefix, queueName, 'events'), 'MAXLEN', 0)
    }
    await deps.shares.release(deletion.tenant, id)
    // Last, since a worker that still had it may have remembered its answer.
    await forgetAnswer(deletion)
    await forgetSubmission(deletion)
    await redis.zrem(keys.forgets, entry)
    return true
  }

  /** Not that of a later one with the same key. */
  const forgetSubmission = async ({ id, webhookJobId, startWebhookJobId }: Deletion): Promise<void> => {
    const submissionId = await redis.get(keys.submission(id))
    if (submissionId === null) return
    const jobIds = [webhookId(submissionId), startWebhookId(submissionId)]
    if (jobIds.some((jobId) => jobId === webhookJobId || jobId === startWebhookJobId)) {
      await redis.del(keys.submission(id))
    }
  }

  /** Webhooks are kept for longer than what they tell of. */
  const deleteWebhooks = async (id: string, found: StoredPrediction | null): Promise<boolean> => {
    const jobs = await deps.webhookJobs.find(id, found)
    const [first] = jobs
    if (first === undefined) return false
    const webhookJobId = jobs.find(({ job }) => job.data.started === undefined)?.id ?? null
    const deletion = describe(id, first.prediction, webhookJobId)
    await redis.zadd(keys.forgets, Date.now(), formatDeletion(deletion))
    await finishOne(formatDeletion(deletion))
    return true
  }

  const forgetAnswer = async ({ model, tenant, sha256 }: Deletion): Promise<void> => {
    const fingerprint = (await deps.catalog.find(model))?.details?.fingerprint
    if (fingerprint !== undefined) await deps.cache.forget({ tenant, fingerprint, sha256 })
  }

  return {
    deletePrediction: (id) =>
      guardRedis(async () => {
        const found = await deps.reader.find(id)
        if (found?.isDeleted === true) return false
        if (found === null || found.isHidden) return deleteWebhooks(id, found)
        const { model, upload } = found.record.data
        const deletion = describe(id, found.record.data, found.webhookJobId)
        const queueName = predictQueueName(model)
        const jobKeys = [id, 'prioritized'].map((name) => jobKey(options.prefix, queueName, name))
        const entry = formatDeletion(deletion)
        await redis.eval(HIDE, 3, ...jobKeys, keys.forgets, id, keys.canceled, entry, found.rawData)
        if (upload.id !== null) await deps.uploads.delete(upload.id)
        await finishOne(entry)
        return true
      }),
    async finish() {
      const entries = await redis.zrange(keys.forgets, '0', '-1')
      let left = 0
      for (const entry of entries) if (!(await finishOne(entry))) left += 1
      return left
    },
  }
}
