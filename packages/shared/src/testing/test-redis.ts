import { randomUUID } from 'node:crypto'
import { after } from 'node:test'
import { Redis } from 'ioredis'

/** Where the Redis is that the test runner has started. */
export const readTestRedisUrl = (env: Record<string, string | undefined>): string => {
  const url = env['TEST_REDIS_URL']
  if (url === undefined) throw new Error('TEST_REDIS_URL is not set: run these tests with `pnpm test`')
  return url
}

/**
 * A connection to the runner's Redis for one test file, and a prefix that no other test has. After the tests the
 * keys under the prefix are deleted and the connection is closed.
 */
export const useTestRedis = (env: Record<string, string | undefined>): { redis: Redis; prefix: string } => {
  const redis = new Redis(readTestRedisUrl(env))
  const prefix = `test-${randomUUID()}`
  after(async () => {
    const keys = await redis.keys(`${prefix}:*`)
    if (keys.length > 0) await redis.del(keys)
    await redis.quit()
  })
  return { redis, prefix }
}
