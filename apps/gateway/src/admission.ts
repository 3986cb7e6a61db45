import { AppError } from '@menagerie/contract/errors'
import { predictQueueName } from '@menagerie/contract/job'
import { jobKey } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import { estimateWaitMs, type CapacityReader } from './capacity.ts'
import { guardRedis } from './guard-redis.ts'

export interface AdmissionOptions {
  prefix: string
  /** Of request bodies that one gateway takes in at the same time. */
  uploadsInFlightBytesMax: number
  /** Of one body whose length is not known. */
  uploadBytesMax: number
  /** Predictions in the queue of a model. */
  depthMax: number
  /** How long the last of them may have to wait. */
  waitMaxMs: number
}

export interface Admission {
  /**
   * Refuses what there is no room for in the queue of a model.
   *
   * @throws AppError `queue_full` with the time until there is room, by what the workers can do; `queue_unavailable`
   */
  requireRoom(model: string): Promise<void>
  /** The same for predictions that are about to be put into it, and counts them. */
  enter(model: string, predictions: number): Promise<void>
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
 * How many predictions a model's queue has: read at most four times a second, with those counted that came here since.
 * What other gateways let in meanwhile is missed, so the limit is soft by that.
 */
const createDepthReader = (redis: RedisConnection, prefix: string) => {
  const remembered = new Map<string, { readAt: number; depth: Promise<number>; since: number }>()
  const read = (model: string): Promise<number> => {
    const keys = PLACES.map((name) => jobKey(prefix, predictQueueName(model), name))
    return guardRedis(async () => Number(await redis.eval(READ_DEPTH, keys.length, ...keys)))
  }
  return async (model: string, predictions: number): Promise<number> => {
    let known = remembered.get(model)
    if (known === undefined || performance.now() - known.readAt > REMEMBERED_MS) {
      known = { readAt: performance.now(), depth: read(model), since: 0 }
      remembered.set(model, known)
      known.depth.catch(() => remembered.delete(model))
    }
    const depth = (await known.depth) + known.since
    known.since += predictions
    return depth
  }
}

/** What this service as a whole has room for, whoever asks. */
export const createAdmission = (
  deps: {
    redis: RedisConnection
    readCapacity: CapacityReader
    /** How full Redis is, 0 to 1. */
    readMemoryShare: () => Promise<number>
  },
  options: AdmissionOptions,
): Admission => {
  const readDepth = createDepthReader(deps.redis, options.prefix)
  let bytesInFlight = 0

  const refuse = (message: string, retryMs: number | null): never => {
    throw new AppError('queue_full', message, retryMs === null ? {} : { retryAfterMs: retryMs })
  }

  const requireMemory = async (): Promise<void> => {
    if ((await guardRedis(deps.readMemoryShare)) > MEMORY_SHARE_MAX)
      refuse('the queue has no room left; try again later', null)
  }

  const requirePlace = async (model: string, predictions: number): Promise<void> => {
    const [depth, capacity] = await Promise.all([readDepth(model, predictions), deps.readCapacity(model)])
    const { depthMax, waitMaxMs } = options
    const over = depth + Math.max(1, predictions) - depthMax
    if (over > 0) refuse(`${depth} predictions are in the queue already`, estimateWaitMs(over, capacity))
    const waitMs = estimateWaitMs(depth, capacity)
    if (waitMs !== null && waitMs > waitMaxMs)
      refuse(`it would have to wait for ${Math.ceil(waitMs / 1000)} s`, waitMs - waitMaxMs)
  }

  const enter = async (model: string, predictions: number): Promise<void> => {
    await Promise.all([requireMemory(), requirePlace(model, predictions)])
  }

  return {
    requireRoom: (model) => enter(model, 0),
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
