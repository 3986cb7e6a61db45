import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { createErrorLog } from './error-log.ts'
import { keepConnecting } from './keep-connecting.ts'
import { keepReconnecting } from './keep-reconnecting.ts'
import { parseRedisUrl, type RedisTarget } from './redis-url.ts'

/** A connection to one server, to the master that sentinels name, or to a cluster. */
export type RedisConnection = Redis | Cluster

/** The servers behind a connection that take writes: of a cluster all masters, for what must be asked of each. */
export const listServers = (redis: RedisConnection) =>
  redis instanceof Cluster ? redis.nodes('master') : [redis]

export type RedisConnectionDeps = { url: string; name: string; log: Logger }

// BullMQ's own default waits up to 20 s, so that a producer notices late that Redis is back.
const retryStrategy = (times: number): number => Math.min(times * 200, 2000)

// A server that is loading its file or is a replica answers errors for a while; a new connection gets through
// once it is over (or reaches the new primary).
const reconnectOnError = (error: Error): boolean => /^(READONLY|LOADING|MASTERDOWN)/.test(error.message)

/** Logs the first error of an outage and then one line every 30 s, not one per attempt. */
const logErrors = (redis: RedisConnection, name: string, log: Logger): void => {
  const errors = createErrorLog(log, 'redis connection error', { connection: name })
  redis.on('error', errors.report)
  // One node of a cluster; the connection as a whole may go on.
  redis.on('node error', errors.report)
  redis.on('ready', () => {
    if (errors.settle()) log.info({ connection: name }, 'redis connection is back')
  })
}

// Reply shapes stay those of RESP2, which is what BullMQ reads.
type ConnectionOptions = Omit<RedisOptions, 'replyMapping'> & {
  /** How often a command follows a cluster's nodes before it fails, 100 ms apart while one is away. */
  maxRedirections: number
}

type Servers = Extract<RedisTarget, { endpoints: unknown }>

const TIMEOUT_MS = 2000

const openSentinel = ({ endpoints, options: target }: Servers, options: ConnectionOptions): Redis => {
  const redis = new Redis({
    ...options,
    ...target,
    ...(target.tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: target.tls }),
    sentinels: endpoints,
    sentinelCommandTimeout: TIMEOUT_MS,
    sentinelRetryStrategy: retryStrategy,
    // A master that hangs keeps its connections: only the sentinels say that there is another one.
    failoverDetector: true,
    sentinelReconnectStrategy: retryStrategy,
  })
  keepReconnecting(redis)
  return redis
}

const openCluster = ({ endpoints, options: target }: Servers, options: ConnectionOptions): Cluster => {
  const { enableOfflineQueue = true, enableAutoPipelining = false, maxRedirections, ...node } = options
  const { retryStrategy: clusterRetryStrategy, reconnectOnError: _onServerError, ...redisOptions } = node
  const cluster = new Cluster(endpoints, {
    enableOfflineQueue,
    enableAutoPipelining,
    maxRedirections,
    clusterRetryStrategy,
    slotsRefreshTimeout: TIMEOUT_MS,
    // connect() of ioredis 6.0 never settles when that check fails, as it does while a node is away, and a BullMQ
    // worker that happens to be waiting for it then waits for ever. What is not ready answers CLUSTERDOWN.
    enableReadyCheck: false,
    // A node that hangs keeps its connections: only the others say who has taken its slots over.
    slotsRefreshInterval: 5000,
    redisOptions: { ...redisOptions, ...target },
    // Certificates are for names.
    ...(target.tls === undefined ? {} : { dnsLookup: (host, done) => done(null, host) }),
  })
  keepConnecting(cluster)
  return cluster
}

const open = (target: RedisTarget, options: ConnectionOptions): RedisConnection => {
  if (target.kind !== 'server') {
    return target.kind === 'cluster' ? openCluster(target, options) : openSentinel(target, options)
  }
  return target.url.startsWith('unix://')
    ? new Redis({ ...options, path: target.url.slice('unix://'.length) })
    : new Redis(target.url, options)
}

const connect = (deps: RedisConnectionDeps, options: ConnectionOptions): RedisConnection => {
  const target = parseRedisUrl(deps.url)
  if (target === null) throw new Error('the URL of Redis is not valid')
  const redis = open(target, {
    connectionName: deps.name,
    connectTimeout: TIMEOUT_MS,
    retryStrategy,
    reconnectOnError,
    maxLoadingRetryTime: TIMEOUT_MS,
    ...options,
  })
  logErrors(redis, deps.name, deps.log)
  return redis
}

/**
 * For whoever has a client waiting: a command fails at once while Redis is away (1 ms with the offline queue
 * off; 12 s and more with it on), and after 5 s when Redis does not answer. Then the connection is given up as well: a
 * host that has gone for good would otherwise be waited for until the system's own limit of a quarter of an hour.
 */
export const createProducerRedis = (deps: RedisConnectionDeps): RedisConnection =>
  connect(deps, {
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    commandTimeout: 5000,
    socketTimeout: 5500,
    maxRedirections: 16,
  })

/**
 * For whoever waits for work: commands wait until Redis is there, for ever. BullMQ workers require this. A connection
 * that has been silent for 30 s, three times as long as any command blocks, is opened anew.
 */
export const createConsumerRedis = (
  deps: RedisConnectionDeps,
  options: { enableAutoPipelining?: boolean } = {},
): RedisConnection =>
  connect(deps, {
    maxRetriesPerRequest: null,
    socketTimeout: 30_000,
    maxRedirections: Infinity,
    ...options,
  })

const QUIT_MAX_MS = 2000

/** Lets the server answer what is under way, then closes; a server that does not answer is not waited for long. */
export const closeRedis = async (redis: RedisConnection): Promise<void> => {
  if (redis.status === 'ready') {
    const quitting = redis.quit().catch(() => undefined)
    await Promise.race([quitting, sleep(QUIT_MAX_MS, undefined, { ref: false })])
  }
  redis.disconnect()
}
