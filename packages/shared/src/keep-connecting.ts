import type { Cluster } from 'ioredis'

const CONNECTING_MAX_MS = 10_000

/**
 * Has each `connect()` of this cluster, and of its duplicates, come to an end. That of ioredis 6.0 does not when the
 * nodes were being looked for as it began, for the connection that it replaces; BullMQ, which makes its blocking
 * connection with `duplicate()`, waits for it, and its worker would take no job any more.
 */
export const keepConnecting = (cluster: Cluster): void => {
  let timer: NodeJS.Timeout | undefined
  cluster.on('connecting', () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      if (cluster.status === 'connecting') cluster.disconnect(true)
    }, CONNECTING_MAX_MS)
    timer.unref()
  })
  const duplicate = cluster.duplicate.bind(cluster)
  cluster.duplicate = (...args) => {
    const copy = duplicate(...args)
    keepConnecting(copy)
    return copy
  }
}
