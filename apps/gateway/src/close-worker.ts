import type { RedisConnection } from '@menagerie/shared/redis'
import type { Worker } from 'bullmq'
import { setTimeout as sleep } from 'node:timers/promises'

// Where Redis goes or comes back just now, BullMQ may wait without end for a reply that never comes.
const GIVE_UP_MS = 5000
const ANSWER_MAX_MS = 2000

/** One that hangs keeps its connections: only an answer shows that it is there. */
const isThere = async (redis: RedisConnection): Promise<boolean> => {
  if (redis.status !== 'ready') return false
  // A user who may not ask is answered as well.
  const answer = redis.ping().then(
    () => true,
    () => redis.status === 'ready',
  )
  return Promise.race([answer, sleep(ANSWER_MAX_MS, false, { ref: false })])
}

/**
 * Stops a consumer: takes nothing new, and finishes what it has, which takes `jobMs` at most. What is not finished by then
 * is left to its locks, for another gateway.
 */
export const closeWorker = async (worker: Worker, redis: RedisConnection, jobMs: number): Promise<void> => {
  // While Redis is away nothing can be finished.
  const closing = worker.close(!(await isThere(redis)))
  await Promise.race([closing, sleep(jobMs + GIVE_UP_MS, undefined, { ref: false })])
}
