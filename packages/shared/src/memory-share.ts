import type { RedisConnection } from './redis.ts'

const REMEMBERED_MS = 1000

const readNumber = (info: string, name: string): number =>
  Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)

/**
 * How much of the memory that Redis may use is in use, 0 to 1; of the machine's where it has no limit. Asked at most
 * once a second.
 */
export const createMemoryShareReader = (deps: {
  redis: RedisConnection
  /** Any of our keys: of a cluster's nodes the one that holds it is asked. */
  key: string
}): (() => Promise<number>) => {
  let share: Promise<number> | null = null
  let readAt = 0
  const read = async (): Promise<number> => {
    const info = String(await deps.redis.eval("return redis.call('INFO', 'memory')", 1, deps.key))
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
