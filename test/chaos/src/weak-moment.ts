import type { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'

const SEARCH_MS_MAX = 15_000
// Answers that Redis has given reach the clients within this time.
const ANSWER_MS = 200

const readNumber = (info: string, name: string): number =>
  Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)

const isUnwritten = (info: string): boolean =>
  readNumber(info, 'aof_pending_bio_fsync') > 0 && readNumber(info, 'aof_buffer_length') > 0

/**
 * Resolves when Redis is stopped with acknowledged writes in memory only. With `everysec` there are some whenever the
 * disk is slow: while a background fsync runs, Redis puts the write to its file off for up to two seconds, and answers
 * all the same. Resolves without such a moment after 15 seconds.
 */
export const waitForWeakMoment = async (
  redis: Redis,
  deps: { signal: (signal: 'SIGSTOP' | 'SIGCONT') => void; countAccepted: () => number },
): Promise<void> => {
  const endsAt = performance.now() + SEARCH_MS_MAX
  let acceptedBefore: number | null = null
  while (performance.now() < endsAt) {
    if (!isUnwritten(await redis.info('persistence'))) acceptedBefore = null
    // Seen once, what is unwritten may be unanswered too; seen twice in a row, the first of it was answered.
    else if (acceptedBefore === null) acceptedBefore = deps.countAccepted()
    else {
      deps.signal('SIGSTOP')
      await sleep(ANSWER_MS)
      if (deps.countAccepted() > acceptedBefore) break
      deps.signal('SIGCONT')
      acceptedBefore = null
    }
    await sleep(1)
  }
}
