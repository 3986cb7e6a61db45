import { BATCH_ITEMS_MAX, CUSTOM_ID_LENGTH_MAX, type BatchOptions } from '@menagerie/contract/batch'
import { AppError } from '@menagerie/contract/errors'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import { randomUUID } from 'node:crypto'
import type { AcceptPrediction, PredictionRequest } from '../accept-prediction.ts'
import type { Admission } from '../admission.ts'
import type { Enqueue } from '../enqueue.ts'
import { guardRedis } from '../guard-redis.ts'
import { receiveUpload, type ReceivedUpload } from '../receive-upload.ts'
import type { Shares } from '../tenants/shares.ts'
import type { Tenant } from '../tenants/tenant.ts'
import type { PlannedJob, StoredItem } from './batch-record.ts'
import type { FileSource, FileSources } from './batch-source.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { DropStaged } from './drop-staged.ts'
import type { ItemOptions } from './item-options.ts'

export interface StageDeps {
  uploads: UploadStore
  shares: Pick<Shares, 'admit' | 'hold'>
  admission: Pick<Admission, 'enter'>
  dropStaged: DropStaged
  /** Accepts a prediction as always, but for where it is put in the end, and that it is not counted into the queue. */
  acceptWith: (enqueue: Enqueue) => AcceptPrediction
}

/** What is the same for every item. */
export type CommonRequest = Omit<PredictionRequest, 'id' | 'isKeyed' | 'upload' | 'options'> & {
  options: BatchOptions
}

export interface StageRequest {
  files: FileSources
  items: ItemOptions
  budget: ByteBudget
  common: CommonRequest
}

export interface StagedItem extends StoredItem {
  /** Of the picture, hex; null when it was refused. */
  sha256: string | null
}

export interface StagedBatch {
  items: StagedItem[]
  jobs: PlannedJob[]
}

/** All at once or none: who comes again when there is room for them finds it. The first came before the body was read. */
const countAgainstRate = async (
  shares: Pick<Shares, 'admit'>,
  tenant: Tenant,
  predictions: number,
): Promise<void> => {
  if (predictions <= 1) return
  // They are held already.
  const rateOnly = { ...tenant, concurrencyMax: null, bytesMax: null }
  const rate = await shares.admit(rateOnly, { predictions: predictions - 1, bytes: 0 })
  if (rate === null || rate.retryMs === 0) return
  const message = `you may send ${rate.limit} predictions a minute, and each picture is one`
  throw new AppError('rate_limited', message, { retryAfterMs: rate.retryMs })
}

/** What can never get in is said so: to come again would not help. One picture by itself can. */
const requireFits = ({ concurrencyMax, bytesMax }: Tenant, predictions: number, bytes: number): void => {
  if (predictions <= 1) return
  if (concurrencyMax !== null && predictions > concurrencyMax) {
    const detail = `you may have at most ${concurrencyMax} predictions at the same time, and the batch has more pictures`
    throw new AppError('batch_invalid', detail)
  }
  if (bytesMax !== null && bytes > bytesMax) {
    const detail = `you may have at most ${bytesMax} bytes of pictures at the same time, and the batch has more`
    throw new AppError('batch_invalid', detail)
  }
}

const requireNames = (items: ItemOptions, seen: ReadonlySet<string>): void => {
  for (const name of items.keys()) {
    if (!seen.has(name)) {
      throw new AppError('batch_invalid', `items names ${JSON.stringify(name)}, and there is no such file`)
    }
  }
}

/**
 * Takes in the pictures of a batch, one after the other, and stores each as soon as it is there, so that no more than one
 * is in memory. A picture that cannot be taken becomes an item that has failed; whatever else goes wrong is the batch's,
 * and then all that was stored is dropped.
 *
 * @throws AppError
 */
export const createStageItems = (
  deps: StageDeps,
  limits: { uploadBytesMax: number; uploadTtlMs: number; stagingMaxMs: number },
) => {
  /** The sweep drops pictures that are so old that no batch should be about to have them. */
  const requireTime = (startedAt: number): void => {
    if (performance.now() - startedAt <= limits.stagingMaxMs) return
    throw new AppError('queue_unavailable', 'it took too long to store the pictures; try again shortly')
  }

  const stageAll = async (request: StageRequest, staged: StagedBatch, startedAt: number): Promise<void> => {
    const names = new Set<string>()
    const customIds = new Set<string>()
    let bytes = 0
    const accept = deps.acceptWith(async ({ id, data, bytes }) => {
      staged.jobs.push({ id, data })
      const uploadId = data.upload.id
      if (uploadId !== null && bytes !== null) {
        await guardRedis(() => deps.uploads.put(uploadId, bytes, limits.uploadTtlMs))
      }
      return { data, read: null }
    })

    const receive = async ({ name, chunks }: FileSource): Promise<ReceivedUpload | AppError> => {
      const filename = name.slice(0, CUSTOM_ID_LENGTH_MAX)
      try {
        return await receiveUpload(chunks, { bytesMax: limits.uploadBytesMax, filename })
      } catch (error) {
        if (error instanceof AppError && !request.budget.isSpent() && error.code !== 'multipart_invalid') {
          return error
        }
        throw error
      }
    }

    const claimId = (name: string): string => {
      const customId = request.items.get(name)?.custom_id ?? name.slice(0, CUSTOM_ID_LENGTH_MAX)
      if (customIds.has(customId)) {
        const detail = `two items have the custom_id ${JSON.stringify(customId)}; give them other names, or ids in items`
        throw new AppError('batch_invalid', detail)
      }
      customIds.add(customId)
      names.add(name)
      return customId
    }

    const acceptItem = async (name: string, upload: ReceivedUpload): Promise<string> => {
      const { options, ...common } = request.common
      const { webhook: _forAll, ...itemOptions } = options
      const metadata = request.items.get(name)?.metadata
      if (metadata !== undefined) itemOptions.metadata = JSON.stringify(metadata)
      const id = randomUUID()
      bytes += upload.bytes.length
      requireFits(common.tenant, staged.jobs.length + 1, bytes)
      await accept({ ...common, id, isKeyed: false, upload, options: itemOptions })
      return id
    }

    for await (const file of request.files) {
      requireTime(startedAt)
      if (staged.items.length === BATCH_ITEMS_MAX) {
        throw new AppError('batch_invalid', `a batch may have at most ${BATCH_ITEMS_MAX} pictures`)
      }
      const custom_id = claimId(file.name)
      const upload = await receive(file)
      if (upload instanceof AppError) {
        const error = { code: upload.code, message: upload.message }
        staged.items.push({ custom_id, prediction_id: null, error, sha256: null })
        continue
      }
      const prediction_id = await acceptItem(file.name, upload)
      staged.items.push({ custom_id, prediction_id, error: null, sha256: upload.sha256 })
    }
    if (staged.items.length === 0) throw new AppError('batch_invalid', 'the batch has no pictures')
    requireNames(request.items, names)
  }

  /** A hold whose job is not there after a minute is taken for a mistake, and the other pictures may have taken longer. */
  const holdStill = async (tenant: Tenant, jobs: PlannedJob[]): Promise<void> => {
    await Promise.all(
      jobs.map(({ id, data: { model, deadline, upload } }) =>
        deps.shares.hold(tenant, { id, model, deadline, bytes: upload.bytes }),
      ),
    )
  }

  const requireRoom = async (jobs: PlannedJob[]): Promise<void> => {
    const [first] = jobs
    if (first === undefined) return
    await deps.admission.enter(first.data.model, first.data, jobs.length)
  }

  return async (request: StageRequest): Promise<StagedBatch> => {
    const staged: StagedBatch = { items: [], jobs: [] }
    const { tenant } = request.common
    const startedAt = performance.now()
    try {
      await stageAll(request, staged, startedAt)
      // The time is counted from when the last picture was there, for all of them.
      const deadline = Math.max(...staged.jobs.map(({ data }) => data.deadline))
      for (const { data } of staged.jobs) data.deadline = deadline
      await holdStill(tenant, staged.jobs)
      requireTime(startedAt)
      await requireRoom(staged.jobs)
      await countAgainstRate(deps.shares, tenant, staged.jobs.length)
    } catch (error) {
      await deps.dropStaged(tenant, staged.jobs)
      throw error
    }
    return staged
  }
}
export type StageItems = ReturnType<typeof createStageItems>
