import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { obtainRedis } from '@menagerie/launcher/obtain-redis'
import type { RedisServer, RedisServerOptions } from '@menagerie/launcher/redis-server'

export interface TestRedis extends RedisServer {
  readonly dir: string
}

/**
 * Starts a Redis for one test, by default one that keeps nothing. `stop()` also removes its folder, unless the
 * test brought its own `dir` (and `port`) to start the same Redis again after a kill.
 */
export const startTestRedis = async (options: Partial<RedisServerOptions> = {}): Promise<TestRedis> => {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'menagerie-redis-')))
  const start = await obtainRedis({ log: console.error, logPath: join(dir, 'install-redis.log') })
  const server = await start({ durable: false, ...options, dir })
  return {
    ...server,
    dir,
    async stop(deadlineMs) {
      await server.stop(deadlineMs)
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true })
    },
  }
}
