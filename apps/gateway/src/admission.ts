import { AppError } from '@menagerie/contract/errors'
import { ANONYMOUS_ID, predictQueueName } from '@menagerie/contract/job'
import type { Priority } from '@menagerie/contract/prediction'
import { jobKey } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import { estimateWaitMs, type CapacityReader } from './capacity.ts'
import type { FairOrder, Who } from './fair-order.ts'
import { guardRedis } from './guard-redis.ts'

export interface AdmissionOptions {
  prefix: string
  /** Of request bodies that one gateway takes in at the same time. */
  uploadsInFlightBytesMax: number
  /** Of one body whose length is not known. */
  uploadBytesMax: number
  /** Predictions in the queue of a model. */
  depthMax: number
  /** How long one more may have to wait. */
  waitMaxMs: number
}

export interface Admission {
  /**
   * Refuses what there is no room for in the queue of a model. The wait is that of the tenant, whose turn comes sooner than
   * that of one who has a lot there already.
   *
   * @throws AppError `queue_full` with the time until there is room, by what the workers can do; `queue_unavailable`
   */
  requireRoom(model: string, tenant: string, priority: Priority): Promise<void>
  /** The same for predictions that are about to be put into it, and counts them. */
  enter(model: string, who: Who, predictions: number): Promise<void>
  /**
   * Sets room for a body aside, in this gateway.
   *
   * @param bytes its length; null when that is not known
   * @returns gives it back; to be called once or more often
   * @throws AppError `queue_full`
   */
  reserve(bytes: number | null): () => void
}

/**
 * The rest is for the workers: of a Redis that is full to the brim one that has no job cannot take any, and nothing would
 * ever make room again.
 */
const MEMORY_SHARE_MAX = 0.9

const REMEMBERED_MS = 250

/** KEYS: wait list, prioritized set, delayed set, active list. */
const READ_DEPTH = `return redis.call('LLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[3])
  + redis.call('LLEN', KEYS[4])`
const PLACES = ['wait', 'prioritized', 'delayed', 'active'] as const

/**
 * A number that is read at most four times a second, and to which is added what came here since. What other gateways let
 * in meanwhile is missed, so a limit on it is soft by that.
 */
const createTally = <T extends string[]>(read: (...by: T) => Promise<number>) => {
  const remembered = new Map<string, { readAt: number; number: Promise<number>; since: number }>()
  return async (by: T, predictions: number): Promise<number> => {
    const key = by.join(' ')
    let known = remembered.get(key)
    if (known === undefined || performance.now() - known.readAt > REMEMBERED_MS) {
      known = { readAt: performance.now(), number: guardRedis(() => read(...by)), since: 0 }
      remembered.set(key, known)
      known.number.catch(() => remembered.delete(key))
    }
    const number = (await known.number) + known.since
    known.since += predictions
    return number
  }
}

/** What this service as a whole has room for, whoever asks. */
export const createAdmission = (
  deps: {
    redis: RedisConnection
    fairOrder: Pick<FairOrder, 'countAhead'>
    readCapacity: CapacityReader
    /** How full Redis is, 0 to 1. */
    readMemoryShare: () => Promise<number>
  },
  options: AdmissionOptions,
): Admission => {
  const readDepth = createTally(async (model: string) => {
    const keys = PLACES.map((name) => jobKey(options.prefix, predictQueueName(model), name))
    return Number(await deps.redis.eval(READ_DEPTH, keys.length, ...keys))
  })
  const readAhead = createTally((model: string, tenant: string, priority: Priority) =>
    deps.fairOrder.countAhead(model, { tenant, priority }),
  )
  let bytesInFlight = 0

  const refuse = (message: string, retryMs: number | null): never => {
    throw new AppError('queue_full', message, retryMs === null ? {} : { retryAfterMs: retryMs })
  }

  const requireMemory = async (): Promise<void> => {
    if ((await guardRedis(deps.readMemoryShare)) > MEMORY_SHARE_MAX)
      refuse('the queue has no room left; try again later', null)
  }

  const requirePlace = async (model: string, who: Who, predictions: number): Promise<void> => {
    const { tenant = ANONYMOUS_ID, priority = 'normal' } = who
    const [depth, ahead, capacity] = await Promise.all([
      readDepth([model], predictions),
      readAhead([model, tenant, priority], predictions),
      deps.readCapacity(model),
    ])
    const { depthMax, waitMaxMs } = options
    const over = depth + Math.max(1, predictions) - depthMax
    if (over > 0) refuse(`${depth} predictions are in the queue already`, estimateWaitMs(over, capacity))
    const waitMs = estimateWaitMs(ahead, capacity)
    if (waitMs !== null && waitMs > waitMaxMs)
      refuse(`it would have to wait for ${Math.ceil(waitMs / 1000)} s`, waitMs - waitMaxMs)
  }

  const enter = async (model: string, who: Who, predictions: number): Promise<void> => {
    await Promise.all([requireMemory(), requirePlace(model, who, predictions)])
  }

  return {
    requireRoom: (model, tenant, priority) => enter(model, { tenant, priority }, 0),
    enter,
    reserve(declared) {
      const max = options.uploadsInFlightBytesMax
      const bytes = Math.min(declared ?? options.uploadBytesMax, max)
      if (bytesInFlight + bytes > max) refuse('this server takes in as many pictures as it can', 1000)
      bytesInFlight += bytes
      let isReserved = true
      return () => {
        if (isReserved) bytesInFlight -= bytes
        isReserved = false
      }
    },
  }
}
