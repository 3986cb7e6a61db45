import type { UploadStore } from '@menagerie/shared/upload-store/upload-store'
import type { Shares } from '../tenants/shares.ts'
import type { Tenant } from '../tenants/tenant.ts'
import type { PlannedJob } from './batch-record.ts'

// So many are dropped at a time.
const SLICE = 100

/** Drops what was stored and counted for jobs that are not to be. What is missed here is found later. */
export const createDropStaged =
  (deps: { uploads: UploadStore; shares: Pick<Shares, 'release'> }) =>
  async (tenant: Tenant, jobs: PlannedJob[]): Promise<void> => {
    const dropOne = async ({ id, data }: PlannedJob): Promise<void> => {
      void deps.shares.release(tenant.id, id)
      if (data.upload.id !== null) await deps.uploads.delete(data.upload.id).catch(() => undefined)
    }
    for (let from = 0; from < jobs.length; from += SLICE) {
      await Promise.all(jobs.slice(from, from + SLICE).map(dropOne))
    }
  }
export type DropStaged = ReturnType<typeof createDropStaged>
