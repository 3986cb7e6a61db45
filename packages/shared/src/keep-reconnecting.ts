import type { Redis } from 'ioredis'

const RECONNECT_DELAY_MS = 200

/**
 * Has this connection, and its duplicates, come back whenever it ends without having been told to. ioredis 6.0 ends one
 * for good when Sentinel announces a new master just while it asks who the master is: its own detector of failovers
 * then stops the attempt, which counts as a connection that nobody wants any more. One failover in ten did that to a gateway.
 */
export const keepReconnecting = (redis: Redis): void => {
  let isWanted = true
  const disconnect = redis.disconnect.bind(redis)
  redis.disconnect = (reconnect = false) => {
    isWanted = reconnect
    disconnect(reconnect)
  }
  const quit = redis.quit.bind(redis)
  redis.quit = (...args) => {
    isWanted = false
    return quit(...args)
  }
  // BullMQ ends a blocking connection that may hang, and opens it again.
  const connect = redis.connect.bind(redis)
  redis.connect = (...args) => {
    isWanted = true
    return connect(...args)
  }
  // BullMQ makes its blocking connections with it.
  const duplicate = redis.duplicate.bind(redis)
  redis.duplicate = (override) => {
    const copy = duplicate(override)
    keepReconnecting(copy)
    return copy
  }
  redis.on('end', () => {
    setTimeout(() => {
      // If this fails, it ends again.
      if (isWanted && redis.status === 'end') redis.connect().catch(() => undefined)
    }, RECONNECT_DELAY_MS).unref()
  })
}
