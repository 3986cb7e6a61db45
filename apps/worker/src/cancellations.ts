import type { Keys } from '@menagerie/shared/keys'
import type { Worker } from 'bullmq'
import type { Redis } from 'ioredis'

/** Reason with which a running job is aborted when somebody cancels its prediction. */
export const CANCELED = 'canceled'

/**
 * Stops what is running here and was canceled. To miss one costs the rest of a run, whose answer nobody sees: that it
 * was canceled its record says by itself.
 */
export const followCancellations = (deps: { subscriber: Redis; keys: Keys; worker: Worker }): void => {
  deps.subscriber.on('message', (_channel, id) => deps.worker.cancelJob(id, CANCELED))
  // It subscribes again by itself whenever the connection is back; what fails now is what ends the connection.
  deps.subscriber.subscribe(deps.keys.canceled).catch(() => undefined)
}
