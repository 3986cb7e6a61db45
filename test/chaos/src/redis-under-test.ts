import { startTestRedis, type TestRedis } from '@menagerie/harness/redis'
import { describeExit } from '@menagerie/launcher/child-process'
import { findFreePort } from '@menagerie/launcher/free-port'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { FsyncPolicy } from './options.ts'
import { buildSlowDisk } from './slow-disk.ts'
import type { WorkFolder } from './work-folder.ts'

const USED_MEMORY = /^used_memory:(\d+)/m
// Room for a few pictures, so that Redis fills up rather than being full from the start.
const ROOM_BYTES = 256 * 1024

/** The Redis of a run: it comes back on the same port with the same files. */
export const createRedisUnderTest = async (
  folder: WorkFolder,
  options: { appendfsync: FsyncPolicy; onExit: (detail: string) => void },
) => {
  const port = await findFreePort()
  const logPath = join(folder.logs, 'redis.log')
  // On a fast disk the kill of a process would lose nothing, and the weakness would show only when the power goes.
  const slowDisk = options.appendfsync === 'everysec' ? { env: await buildSlowDisk(folder.path) } : {}
  let server: TestRedis | null = null
  let isEnding = false

  const watch = async ({ exited }: TestRedis): Promise<void> => {
    const status = await exited
    if (!isEnding) options.onExit(`ended by itself: ${describeExit(status)}`)
  }

  const start = async (): Promise<void> => {
    isEnding = false
    const started = await startTestRedis({
      durable: true,
      dir: folder.redis,
      port,
      logPath,
      detached: true,
      ...slowDisk,
      extraArgs: ['--appendfsync', options.appendfsync],
    })
    server = started
    void watch(started)
  }
  await start()
  /** A connection past every proxy. */
  const direct = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null, connectTimeout: 2000 })
  direct.on('error', () => undefined)

  return {
    port,
    direct,
    logPath,
    start,
    async kill(): Promise<void> {
      isEnding = true
      server?.kill('SIGKILL')
      await server?.exited
    },
    signal: (signal: 'SIGSTOP' | 'SIGCONT'): void => server?.kill(signal),
    /** From now on Redis refuses what needs more memory than it has, but for a little. */
    async limitMemory(): Promise<void> {
      const used = Number(USED_MEMORY.exec(await direct.info('memory'))?.[1] ?? 0)
      await direct.config('SET', 'maxmemory', String(used + ROOM_BYTES))
    },
    async freeMemory(): Promise<void> {
      await direct.config('SET', 'maxmemory', '0')
    },
    async stop(): Promise<void> {
      isEnding = true
      direct.disconnect()
      await server?.stop()
    },
    /** For the very end: does not wait for anything. */
    killNow(): void {
      isEnding = true
      server?.kill('SIGKILL')
    },
  }
}
export type RedisUnderTest = Awaited<ReturnType<typeof createRedisUnderTest>>
