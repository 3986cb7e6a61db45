import { join } from 'node:path'
import { coerceError } from '@menagerie/shared/coerce-error'
import { findFreePort } from './free-port.ts'
import { obtainRedis } from './obtain-redis.ts'
import { pingRedis } from './ping-redis.ts'
import { supervise } from './supervise.ts'

export interface EnsureRedisOptions {
  redisUrl?: string | undefined
  /** The data lies in `<dataDir>/redis`, the logs in `<dataDir>/logs`, which must exist. */
  dataDir: string
  log: (line: string) => void
  /** Called with the process id of each server that is started. */
  onStart?: (pid: number) => void
  signal?: AbortSignal | undefined
}

/**
 * A Redis that answers: the one of `redisUrl`, else a private durable one that is restarted, on the same port
 * with the same data, when it dies. `stop()` stops only what was started here.
 */
export const ensureRedis = async (
  options: EnsureRedisOptions,
): Promise<{ url: string; stop: () => Promise<void> }> => {
  if (options.redisUrl !== undefined) {
    await pingRedis(options.redisUrl).catch((cause: unknown) => {
      throw new Error(
        `${coerceError(cause).message}\nCheck REDIS_URL, or leave it out for a private Redis.`,
        {
          cause,
        },
      )
    })
    return { url: options.redisUrl, stop: async () => {} }
  }
  const logs = join(options.dataDir, 'logs')
  const start = await obtainRedis({ ...options, logPath: join(logs, 'install-redis.log') })
  const port = await findFreePort()
  const logPath = join(logs, 'redis.log')
  const supervised = await supervise({
    name: 'redis',
    start: () => start({ dir: join(options.dataDir, 'redis'), durable: true, port, logPath, detached: true }),
    logPath,
    log: options.log,
    ...(options.onStart === undefined ? {} : { onStart: options.onStart }),
  })
  return { url: `redis://127.0.0.1:${port}`, stop: () => supervised.stop() }
}
