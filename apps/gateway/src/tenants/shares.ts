import { AppError } from '@menagerie/contract/errors'
import { predictQueueName } from '@menagerie/contract/job'
import { jobKey, type Keys } from '@menagerie/shared/keys'
import { RELEASE_SHARE } from '@menagerie/shared/release-share'
import type { RedisConnection } from '@menagerie/shared/redis'
import { guardRedis } from '../guard-redis.ts'
import { ADMIT, HOLD, RATE_WINDOW_MS } from './share-scripts.ts'
import type { Tenant } from './tenant.ts'

/** How a tenant stands with its rate. */
export interface RateState {
  limit: number
  windowMs: number
  /** Predictions that may come now. */
  left: number
  /** Until there are as many as `limit` again. */
  resetMs: number
  /** Until there is room for what was asked for now; 0 where there is. */
  retryMs: number
}

export interface Asked {
  predictions: number
  bytes: number
}

/** A prediction that is about to be enqueued. */
export interface Held {
  id: string
  model: string
  bytes: number
  deadline: number
}

export interface Shares {
  /**
   * Counts a request against the tenant's rate, unless it has too much that has not ended; of one with an
   * Idempotency-Key only `hold` can tell, since it may repeat what is counted already.
   *
   * @returns where it stands; null where its rate has no limit
   * @throws AppError `share_exhausted`, `queue_unavailable`, `queue_full`
   */
  admit(tenant: Tenant, asked: Asked & { isKeyed?: boolean }): Promise<RateState | null>
  /**
   * Counts a prediction among what the tenant has not ended, until whoever ends it lets go of it.
   *
   * @returns whether it counts only now: a repetition finds it counted
   * @throws AppError `share_exhausted`, `queue_unavailable`, `queue_full`
   */
  hold(tenant: Tenant, prediction: Held): Promise<boolean>
  /** Lets go of a prediction that was not accepted after all, has ended before, or is deleted. What fails is found later. */
  release(tenantId: string, id: string): Promise<void>
}

const RELEASE = `${RELEASE_SHARE}
releaseShare(KEYS[1], KEYS[2], ARGV[1])`

const hasShare = ({ concurrencyMax, bytesMax }: Tenant): boolean =>
  concurrencyMax !== null || bytesMax !== null

/** What each tenant takes of the service, counted in Redis and so for all gateways together. */
export const createShares = (
  deps: { redis: RedisConnection; keys: Keys },
  options: { prefix: string; queueAgeMaxMs: number },
): Shares => {
  const { redis, keys } = deps
  const keysOf = (id: string) => [keys.shares(id), keys.held(id)] as const
  // Of `<prefix>:predict.<model>:<id>` what comes before the model.
  const jobsPrefix = jobKey(options.prefix, predictQueueName(''), '').slice(0, -1)
  const shareArgs = ({ concurrencyMax, bytesMax }: Tenant, { predictions, bytes }: Asked) =>
    [concurrencyMax ?? 0, bytesMax ?? 0, predictions, bytes, jobsPrefix] as const
  const exhausted = (): AppError =>
    new AppError('share_exhausted', 'as much of yours as you may have at the same time has not ended yet')

  return {
    async admit(tenant, asked) {
      const limit = tenant.ratePerMinute
      if (limit === null && !hasShare(tenant)) return null
      const args = [...shareArgs(tenant, asked), limit ?? 0, asked.isKeyed === true ? 1 : 0]
      const reply = await guardRedis(() => redis.eval(ADMIT, 2, ...keysOf(tenant.id), ...args))
      const [code, left, resetMs, retryMs] = reply as [number, number, number, number]
      if (code === 2) throw exhausted()
      return limit === null ? null : { limit, windowMs: RATE_WINDOW_MS, left, resetMs, retryMs }
    },
    async hold(tenant, { id, model, bytes, deadline }) {
      if (!hasShare(tenant)) return false
      const asked = shareArgs(tenant, { predictions: 1, bytes })
      const args = [...asked, id, deadline, model, 2 * options.queueAgeMaxMs]
      const code = await guardRedis(() => redis.eval(HOLD, 2, ...keysOf(tenant.id), ...args))
      if (code === 2) throw exhausted()
      return code === 0
    },
    async release(tenantId, id) {
      await redis.eval(RELEASE, 2, ...keysOf(tenantId), id).catch(() => undefined)
    },
  }
}
