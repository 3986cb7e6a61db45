import { predictQueueName, WEBHOOK_QUEUE_NAME } from '@menagerie/contract/job'
import { jobKey } from '@menagerie/shared/keys'
import type { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 250
// The longest wait of a healthy system is for the webhooks in the hands of a dead gateway, which are taken over
// after 35 s.
const STILL_MS_MAX = 90_000

const LISTS = ['wait', 'active', 'paused'] as const
const SETS = ['prioritized', 'delayed'] as const
const ENDS = ['completed', 'failed'] as const

interface Counts {
  open: number
  ended: number
}

const countJobs = async (redis: Redis, options: { prefix: string; model: string }): Promise<Counts> => {
  const transaction = redis.multi()
  for (const queue of [predictQueueName(options.model), WEBHOOK_QUEUE_NAME]) {
    const key = (name: string): string => jobKey(options.prefix, queue, name)
    for (const list of LISTS) transaction.llen(key(list))
    for (const set of [...SETS, ...ENDS]) transaction.zcard(key(set))
  }
  const counts = ((await transaction.exec()) ?? []).map(([, count]) => Number(count))
  const perQueue = LISTS.length + SETS.length + ENDS.length
  const isEnd = (i: number): boolean => i % perQueue >= LISTS.length + SETS.length
  const sum = (numbers: number[]): number => numbers.reduce((total, count) => total + count, 0)
  return {
    open: sum(counts.filter((_, i) => !isEnd(i))),
    ended: sum(counts.filter((_, i) => isEnd(i))),
  }
}

/**
 * Waits until no queue has anything left that could still run. What is then not terminal never will be.
 *
 * @returns how many jobs were left when nothing had moved for too long; 0 when all have ended
 */
export const drainQueues = async (
  redis: Redis,
  options: { prefix: string; model: string; signal: AbortSignal; onOpen: (open: number) => void },
): Promise<number> => {
  let last = ''
  let movedAt = performance.now()
  for (;;) {
    const counts = await countJobs(redis, options)
    options.onOpen(counts.open)
    if (counts.open === 0) return 0
    options.signal.throwIfAborted()
    const now = JSON.stringify(counts)
    if (now !== last) movedAt = performance.now()
    else if (performance.now() - movedAt > STILL_MS_MAX) return counts.open
    last = now
    await sleep(POLL_MS)
  }
}
