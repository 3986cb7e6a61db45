import type { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'

const FILLER_KEY = 'chaos:filler'
const FILLER_BYTES = 8 * 1024 * 1024
const SEARCH_MS_MAX = 10_000
// So many answers must have gone out while what they say was only in memory.
const UNWRITTEN_MIN = 3

const readNumber = (info: string, name: string): number =>
  Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)

/**
 * Resolves while Redis holds acknowledged writes in memory only. With `everysec` it does so whenever the disk is busy:
 * while a background fsync runs, it puts the write to its file off for up to two seconds, and answers all the same. The
 * filler makes those fsyncs long. Resolves without such a moment after ten seconds.
 */
export const waitForWeakMoment = async (redis: Redis, countAccepted: () => number): Promise<void> => {
  const filler = redis.duplicate()
  filler.on('error', () => undefined)
  const isOver = new AbortController()
  const fill = async (): Promise<void> => {
    const bytes = Buffer.alloc(FILLER_BYTES, 'x')
    while (!isOver.signal.aborted) await filler.set(FILLER_KEY, bytes)
  }
  const filling = fill().catch(() => undefined)
  const endsAt = performance.now() + SEARCH_MS_MAX
  let acceptedBefore: number | null = null
  while (performance.now() < endsAt) {
    const info = await redis.info('persistence')
    const isUnwritten =
      readNumber(info, 'aof_pending_bio_fsync') > 0 && readNumber(info, 'aof_buffer_length') > 0
    if (!isUnwritten) acceptedBefore = null
    else acceptedBefore ??= countAccepted()
    if (acceptedBefore !== null && countAccepted() - acceptedBefore >= UNWRITTEN_MIN) break
    await sleep(1)
  }
  isOver.abort()
  void filling.finally(() => filler.disconnect())
}
