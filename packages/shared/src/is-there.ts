import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisConnection } from './redis.ts'

const ANSWER_MAX_MS = 2000

/** Whether Redis answers. One that hangs keeps its connections, whose status tells nothing then. */
export const isThere = async (redis: RedisConnection): Promise<boolean> => {
  if (redis.status !== 'ready') return false
  // A user who may not ask is answered as well.
  const answer = redis.ping().then(
    () => true,
    () => redis.status === 'ready',
  )
  return Promise.race([answer, sleep(ANSWER_MAX_MS, false, { ref: false })])
}
