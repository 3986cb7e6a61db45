import type { Keys } from '@menagerie/shared/keys'
import type { Worker } from 'bullmq'
import type { RedisConnection } from '@menagerie/shared/redis'

/** Reason with which a running job is aborted when somebody cancels its prediction. */
export const CANCELED = 'canceled'

/**
 * Stops what is running here and was canceled. To miss one costs the rest of a run, whose answer nobody sees: that it
 * was canceled its record says by itself.
 */
export const followCancellations = (deps: {
  subscriber: RedisConnection
  keys: Keys
  worker: Worker
}): void => {
  deps.subscriber.on('message', (_channel, id) => deps.worker.cancelJob(id, CANCELED))
  const subscribe = (): void => void deps.subscriber.subscribe(deps.keys.canceled).catch(() => undefined)
  // The client repeats only a subscription that Redis once accepted, and drops one that a login failed before.
  deps.subscriber.on('ready', subscribe)
  subscribe()
}
