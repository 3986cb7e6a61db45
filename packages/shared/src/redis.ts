import { Redis, type RedisOptions } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { createErrorLog } from './error-log.ts'

export type RedisConnectionDeps = { url: string; name: string; log: Logger }

// BullMQ's own default waits up to 20 s, so that a producer notices late that Redis is back.
const retryStrategy = (times: number): number => Math.min(times * 200, 2000)

// A server that is loading its file or is a replica answers errors for a while; a new connection gets through
// once it is over (or reaches the new primary).
const reconnectOnError = (error: Error): boolean => /^(READONLY|LOADING|MASTERDOWN)/.test(error.message)

/** Logs the first error of an outage and then one line every 30 s, not one per attempt. */
const logErrors = (redis: Redis, name: string, log: Logger): void => {
  const errors = createErrorLog(log, 'redis connection error', { connection: name })
  redis.on('error', errors.report)
  redis.on('ready', () => {
    if (errors.settle()) log.info({ connection: name }, 'redis connection is back')
  })
}

// Reply shapes stay those of RESP2, which is what BullMQ reads.
type ConnectionOptions = Omit<RedisOptions, 'replyMapping'>

const connect = (deps: RedisConnectionDeps, options: ConnectionOptions): Redis => {
  const common: ConnectionOptions = {
    connectionName: deps.name,
    connectTimeout: 2000,
    retryStrategy,
    reconnectOnError,
  }
  const redis = deps.url.startsWith('unix://')
    ? new Redis({ ...common, ...options, path: deps.url.slice('unix://'.length) })
    : new Redis(deps.url, { ...common, ...options })
  logErrors(redis, deps.name, deps.log)
  return redis
}

/**
 * For whoever has a client waiting: a command fails at once while Redis is away (1 ms with the offline queue
 * off; 12 s and more with it on), and after 5 s when Redis does not answer.
 */
export const createProducerRedis = (deps: RedisConnectionDeps): Redis =>
  connect(deps, { maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: 5000 })

/** For whoever waits for work: commands wait until Redis is there, for ever. BullMQ workers require this. */
export const createConsumerRedis = (
  deps: RedisConnectionDeps,
  options: { enableAutoPipelining?: boolean } = {},
): Redis => connect(deps, { maxRetriesPerRequest: null, ...options })

const QUIT_MAX_MS = 2000

/** Lets the server answer what is under way, then closes; a server that does not answer is not waited for long. */
export const closeRedis = async (redis: Redis): Promise<void> => {
  if (redis.status === 'ready') {
    const quitting = redis.quit().catch(() => undefined)
    await Promise.race([quitting, sleep(QUIT_MAX_MS, undefined, { ref: false })])
  }
  redis.disconnect()
}
