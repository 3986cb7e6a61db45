import { waitUntil } from '@menagerie/harness/processes'
import { startTestRedis, type TestRedis } from '@menagerie/harness/redis'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { TestContext } from 'node:test'
import { Redis } from 'ioredis'
import { atEnd } from './at-end.ts'

/** A Redis that the test may fill, kill or stop: nobody else uses it. */
export const startPrivateRedis = async (
  t: TestContext,
  options: Parameters<typeof startTestRedis>[0] = {},
): Promise<TestRedis> => {
  const server = await startTestRedis(options)
  atEnd(t, 'private redis', async () => {
    // A server that a test has paused would not hear that it shall stop.
    server.kill('SIGCONT')
    await server.stop()
  })
  return server
}

/** Makes a user who may do everything but these commands, and returns the URL to connect as that user. */
export const createRestrictedUser = async (redisUrl: string, denied: string[]): Promise<string> => {
  const admin = new Redis(redisUrl)
  const rules = denied.map((command) => `-${command}`)
  await admin.call('ACL', 'SETUSER', 'restricted', 'on', '>a-password', '~*', '&*', '+@all', ...rules)
  admin.disconnect()
  const url = new URL(redisUrl)
  url.username = 'restricted'
  url.password = 'a-password'
  return url.href
}

/** Waits until this many gateways hear of predictions that have ended. */
export const waitForSubscribers = (redis: RedisConnection, count = 1): Promise<void> =>
  waitUntil('the gateway listens', async () => {
    const clients = String(await redis.client('LIST'))
    return clients.split('\n').filter((client) => /\bsub=1\b/.test(client)).length >= count
  })

/** How many readings of predictions this Redis has answered. */
export const countReads = async (redis: RedisConnection): Promise<number> => {
  const stats = await redis.info('commandstats')
  // Only that script asks for the time.
  return Number(/cmdstat_time:calls=(\d+)/.exec(stats)?.[1] ?? 0)
}
