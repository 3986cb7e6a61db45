import { coerceError } from '@menagerie/shared/coerce-error'
import { Redis, type RedisOptions } from 'ioredis'

/** A Redis URL that may be shown: without the password. */
export const hidePassword = (url: string): string => url.replace(/(:\/\/[^/@]*?):[^/]*@/, '$1:***@')

const connect = (url: string, options: Omit<RedisOptions, 'replyMapping'>): Redis =>
  url.startsWith('unix://')
    ? new Redis({ ...options, path: url.slice('unix://'.length) })
    : new Redis(url, options)

/** Resolves when the server answers a PING. Rejects with what the server or the network said. */
export const pingRedis = async (url: string, timeoutMs = 3000): Promise<void> => {
  const redis = connect(url, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    enableReadyCheck: false,
  })
  // The promises only say that the connection is closed; the event says why.
  let reason: Error | undefined
  redis.on('error', (err: Error) => {
    reason ??= err
  })
  try {
    await redis.connect()
    await redis.ping()
  } catch (cause) {
    const { message } = reason ?? coerceError(cause)
    throw new Error(`Redis at ${hidePassword(url)} does not answer: ${message}`, { cause })
  } finally {
    redis.disconnect()
  }
}
