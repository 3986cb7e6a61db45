import { predictQueueName } from '@menagerie/contract/job'
import { parseJobData, parseRecord, PROGRESS_FIELDS } from '@menagerie/contract/record-fields'
import { readStatus } from '@menagerie/contract/job-record'
import { jobKey } from '@menagerie/shared/keys'
import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import type { Redis } from 'ioredis'
import type { StoredJob } from './audit.ts'

const SCAN_COUNT = 1000
// Beside the jobs are keys of BullMQ's.
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** What comes after a prefix, of every key that begins with it. */
const scanIds = async (redis: Redis, prefix: string): Promise<string[]> => {
  const ids = new Set<string>()
  for await (const page of redis.scanStream({ match: `${prefix}*`, count: SCAN_COUNT })) {
    for (const key of page as string[]) ids.add(key.slice(prefix.length))
  }
  return [...ids]
}

export interface Inventory {
  jobs: StoredJob[]
  /** How many predictions have which status. */
  statuses: Record<string, number>
  /** How many were begun more than once: a worker died or gave them back. */
  rerun: number
  /** Ids of uploads, other than those of predictions that failed. */
  uploads: string[]
}

/** Everything that Redis holds of a model's predictions, read from the keys themselves, and what is in the store. */
export const takeInventory = async (
  redis: Redis,
  store: UploadStore,
  options: { prefix: string; model: string },
): Promise<Inventory> => {
  const jobPrefix = jobKey(options.prefix, predictQueueName(options.model), '')
  const inventory: Inventory = { jobs: [], statuses: {}, rerun: 0, uploads: [] }
  const keptUploads = new Set<string | null>()
  for (const id of (await scanIds(redis, jobPrefix)).filter((id) => UUID.test(id))) {
    const [data, ...progress] = await redis.hmget(jobPrefix + id, 'data', ...PROGRESS_FIELDS)
    const parsed = parseJobData(data)
    const record = parsed === null ? null : parseRecord(id, parsed, progress)
    if (record === null) continue
    const status = readStatus(record, Date.now())
    if (status === 'failed') keptUploads.add(record.data.upload.id)
    inventory.statuses[status] = (inventory.statuses[status] ?? 0) + 1
    if (record.attemptsStarted > 1) inventory.rerun += 1
    const { key: submissionKey } = record.data.metadata
    inventory.jobs.push({ id: record.id, key: typeof submissionKey === 'string' ? submissionKey : null })
  }
  for await (const id of store.list()) if (!keptUploads.has(id)) inventory.uploads.push(id)
  return inventory
}
