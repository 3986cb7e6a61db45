import { isThere } from '@menagerie/shared/is-there'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { Worker } from 'bullmq'
import { setTimeout as sleep } from 'node:timers/promises'

// Where Redis goes or comes back just now, BullMQ may wait without end for a reply that never comes.
const GIVE_UP_MS = 5000

/**
 * Stops a consumer: takes nothing new, and finishes what it has, which takes `jobMs` at most. What is not finished by then
 * is left to its locks, for another gateway.
 */
export const closeWorker = async (worker: Worker, redis: RedisConnection, jobMs: number): Promise<void> => {
  // While Redis is away nothing can be finished.
  const closing = worker.close(!(await isThere(redis)))
  await Promise.race([closing, sleep(jobMs + GIVE_UP_MS, undefined, { ref: false })])
}
