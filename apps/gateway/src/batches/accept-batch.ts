import type { BatchOptions } from '@menagerie/contract/batch'
import { AppError } from '@menagerie/contract/errors'
import { ANONYMOUS_ID, PAYLOAD_VERSION, type PredictJobData } from '@menagerie/contract/job'
import { createRecord } from '@menagerie/contract/job-record'
import { createHash, randomUUID } from 'node:crypto'
import { BASE_URL_LENGTH_MAX, parseMetadata } from '../accept-prediction.ts'
import { isRefusal } from '../enqueue.ts'
import { guardRedis } from '../guard-redis.ts'
import type { JobQueue } from '../job-queue.ts'
import type { ModelCatalog } from '../model-catalog.ts'
import type { Identify } from '../prediction-id.ts'
import type { Tenant } from '../tenants/tenant.ts'
import type { WebhookUrlPolicy } from '../webhooks/url-policy.ts'
import type { BatchData, StoredBatch } from './batch-record.ts'
import type { BatchReader } from './batch-reader.ts'
import type { FileSources } from './batch-source.ts'
import type { BatchRead } from './batch-status.ts'
import type { BatchStore } from './batch-store.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { FinishBatch } from './finish-batch.ts'
import type { ItemOptions } from './item-options.ts'
import type { DropStaged } from './drop-staged.ts'
import type { CommonRequest, StagedBatch, StageItems } from './stage-items.ts'

export interface AcceptBatchDeps {
  store: BatchStore
  reader: BatchReader
  catalog: ModelCatalog
  identify: Identify
  checkWebhookUrl: WebhookUrlPolicy
  stageItems: StageItems
  finishBatch: FinishBatch
  dropStaged: DropStaged
  queue: Pick<JobQueue, 'remove'>
  /** Told of each prediction of a new batch. */
  onAccepted: (data: PredictJobData) => void
}

export interface BatchRequest extends CommonRequest {
  files: FileSources
  items: ItemOptions
  budget: ByteBudget
  /** As the client sent it; null when it sent none. */
  idempotencyKey: string | null
}

interface Submission {
  id: string
  tenant: Tenant
  data: BatchData
  staged: StagedBatch
}

// A batch under the same id may have to be forgotten first, and another gateway may do the same at this moment.
const TRIES_MAX = 3

/** Of all that makes two requests different ones. */
const hashRequest = (options: BatchOptions, cancelAfterMs: number | null, staged: StagedBatch): string => {
  const ofJob = new Map(staged.jobs.map(({ id, data }) => [id, data.metadata]))
  const items = staged.items.map(({ custom_id, prediction_id, sha256, error }) => [
    custom_id,
    sha256 ?? error?.code,
    ofJob.get(prediction_id ?? ''),
  ])
  // In which order they came makes no difference.
  const asked = Object.entries(options).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256')
    .update(JSON.stringify([items, asked, cancelAfterMs]))
    .digest('hex')
}

/** The batch as it was when it was accepted, for when Redis cannot be read a moment later. */
const describeAccepted = ({ id, data, staged }: Submission): BatchRead => {
  const nowMs = Date.now()
  const jobs = new Map(staged.jobs.map((job) => [job.id, job.data]))
  return {
    batch: { id, data, items: staged.items, acceptedAt: nowMs, canceledAt: null, notifiedAt: null, nowMs },
    items: staged.items.map((item, index) => {
      const job = jobs.get(item.prediction_id ?? '')
      if (job === undefined) return { index, item, read: null }
      const record = createRecord(item.prediction_id ?? '', job, nowMs)
      return { index, item, read: { record, status: 'queued', nowMs, position: null } }
    }),
  }
}

/**
 * Accepts a batch: stores its pictures, notes what it is to be, and enqueues its predictions. Once it is noted it will be
 * done: by this gateway, or after its death by the sweeper. Resolves once Redis has everything.
 *
 * @throws AppError
 */
export const createAcceptBatch = (deps: AcceptBatchDeps) => {
  const requireOptions = async ({ tenant, options, baseUrl }: CommonRequest): Promise<string> => {
    const model = options.model ?? deps.catalog.defaultName
    if (options.webhook !== undefined) {
      deps.checkWebhookUrl(options.webhook, tenant.id)
      // Of a Host header: three times in the body, which has to stay small.
      if (baseUrl.length > BASE_URL_LENGTH_MAX) {
        throw new AppError('request_invalid', 'the name of this host is too long for a webhook')
      }
    }
    if (!(await deps.catalog.has(model))) {
      throw new AppError('model_not_found', `there is no model "${model}"; GET /v1/models lists them`)
    }
    return model
  }

  const drop = ({ tenant, staged }: Submission): Promise<void> => deps.dropStaged(tenant, staged.jobs)

  /** Of jobs that Redis refused; what some of them had begun is undone. */
  const takeBack = async (submission: Submission): Promise<void> => {
    // First, so that nobody goes on with it.
    await deps.store.remove(submission.id)
    for (const job of submission.staged.jobs) {
      await deps.queue.remove(job.data.model, job.id).catch(() => undefined)
    }
    await drop(submission)
  }

  const createNew = async (submission: Submission): Promise<boolean> => {
    const { id, data, staged } = submission
    const items = staged.items.map(({ custom_id, prediction_id, error }) => ({
      custom_id,
      prediction_id,
      error,
    }))
    try {
      return await guardRedis(() => deps.store.create({ id, data, items, jobs: staged.jobs }))
    } catch (error) {
      // Otherwise it may be there: then the sweeper goes on with it, and needs the pictures.
      if (isRefusal(error)) await drop(submission)
      throw error
    }
  }

  const finishNew = async (submission: Submission, isKeyed: boolean): Promise<void> => {
    const { id, data, staged } = submission
    try {
      await deps.finishBatch(id, data, staged.jobs)
      for (const job of staged.jobs) deps.onAccepted(job.data)
    } catch (error) {
      // One with a key may be another request's by now, which goes on with it.
      if (!isKeyed && isRefusal(error)) await takeBack(submission).catch(() => undefined)
      throw error
    }
  }

  /** What an earlier request with the same key has made, gone on with where it was broken off; null when it is over. */
  const repeat = async (mine: BatchData, stored: StoredBatch): Promise<'repeated' | null> => {
    if (stored.acceptedAt === null) {
      requireSame(mine, stored)
      const jobs = await guardRedis(() => deps.store.readPlan(stored.id))
      await deps.finishBatch(stored.id, stored.data, jobs)
      return 'repeated'
    }
    if (deps.reader.isExpired(await deps.reader.complete(stored))) {
      if (stored.data.webhook !== null && stored.notifiedAt === null) {
        const detail = 'the webhook of the earlier batch is on its way; try again shortly'
        throw new AppError('idempotency_key_in_use', detail)
      }
      await guardRedis(() => deps.store.remove(stored.id))
      return null
    }
    requireSame(mine, stored)
    return 'repeated'
  }

  const requireSame = (mine: BatchData, stored: StoredBatch): void => {
    if (mine.request_sha256 === stored.data.request_sha256) return
    const detail = 'this Idempotency-Key came with other pictures or other options before'
    throw new AppError('idempotency_key_reused', detail)
  }

  const submit = async (submission: Submission, isKeyed: boolean): Promise<void> => {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (await createNew(submission)) return finishNew(submission, isKeyed)
      const stored = await guardRedis(() => deps.store.find(submission.id))
      // Noted before the connection was lost, and sent again: what is found is this very batch.
      if (stored?.data.submission_id === submission.data.submission_id) return finishNew(submission, isKeyed)
      try {
        if (stored !== null && (await repeat(submission.data, stored)) !== null) {
          await drop(submission)
          return undefined
        }
      } catch (error) {
        await drop(submission)
        throw error
      }
    }
    await drop(submission)
    throw new AppError(
      'idempotency_key_in_use',
      'an earlier batch with this Idempotency-Key is being dropped',
    )
  }

  return async (request: BatchRequest): Promise<BatchRead> => {
    const { files, items, budget, idempotencyKey, ...common } = request
    const { tenant, options, cancelAfterMs, baseUrl } = common
    const model = await requireOptions(common)
    const metadata = parseMetadata(options.metadata)
    const isKeyed = idempotencyKey !== null
    const id = isKeyed ? await deps.identify('batch', tenant.id, idempotencyKey) : randomUUID()
    const staged = await deps.stageItems({ files, items, budget, common })
    const data: BatchData = {
      v: PAYLOAD_VERSION,
      ...(tenant.id === ANONYMOUS_ID ? {} : { tenant: tenant.id }),
      model,
      total: staged.items.length,
      metadata,
      webhook: options.webhook === undefined ? null : { url: options.webhook, base_url: baseUrl },
      submission_id: randomUUID(),
      request_sha256: hashRequest(options, cancelAfterMs, staged),
      created_at: Date.now(),
      ...(common.trace === undefined ? {} : { trace: common.trace }),
    }
    const submission = { id, tenant, data, staged }
    await submit(submission, isKeyed)
    // It is accepted: a client that got an error now would send everything again.
    const read = await deps.reader.read(id).catch((error: unknown) => {
      if (error instanceof AppError) return null
      throw error
    })
    return read ?? describeAccepted(submission)
  }
}
