import type { RedisConnection } from './redis.ts'

/** Up to here Redis may keep what only may be of use; what is left belongs to what was accepted. */
export const SPARE_SHARE_MAX = 0.5

const REMEMBERED_MS = 250

const readNumber = (info: string, name: string): number =>
  Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)

/** A server that keeps this to itself still refuses what it has no room for. */
const forgive = (error: unknown): string => {
  if (error instanceof Error && error.name === 'ReplyError') return ''
  throw error
}

/**
 * How much of the memory that Redis may use is in use, 0 to 1; of the machine's where it has no limit. 0 where
 * the server does not say. Asked at most four times a second.
 */
export const createMemoryShareReader = (deps: {
  redis: RedisConnection
  /** Any of our keys: of a cluster's nodes the one that holds it is asked. */
  key: string
}): (() => Promise<number>) => {
  let share: Promise<number> | null = null
  let readAt = 0
  const read = async (): Promise<number> => {
    const info = await deps.redis
      .eval("return redis.call('INFO', 'memory')", 1, deps.key)
      .then(String, forgive)
    const limit = readNumber(info, 'maxmemory') || readNumber(info, 'total_system_memory')
    return limit === 0 ? 0 : readNumber(info, 'used_memory') / limit
  }
  return () => {
    if (share === null || performance.now() - readAt > REMEMBERED_MS) {
      readAt = performance.now()
      share = read()
    }
    return share
  }
}
