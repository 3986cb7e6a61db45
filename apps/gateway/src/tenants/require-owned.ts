import { AppError } from '@menagerie/contract/errors'
import { ANONYMOUS_ID } from '@menagerie/contract/job'
import type { JobRecord } from '@menagerie/contract/job-record'
import type { Tenant } from './tenant.ts'

/**
 * Lets a prediction through to the tenant whose it is. To all others it looks as if there were none.
 *
 * @throws AppError `prediction_not_found`
 */
export const requireOwned = <T extends { record: JobRecord }>(tenant: Tenant, read: T | null): T => {
  if (read !== null && (read.record.data.tenant ?? ANONYMOUS_ID) === tenant.id) return read
  throw new AppError('prediction_not_found', 'there is no prediction with this id, or it is too old')
}
