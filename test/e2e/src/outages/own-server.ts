import { findFreePort } from '@menagerie/harness/processes'
import { startTestRedis, type TestRedis } from '@menagerie/harness/redis'
import { Redis } from 'ioredis'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** The channel on which the ends of predictions are announced. */
export const endsChannel = (prefix = 'menagerie'): string => `${prefix}:ended`

/** How many connections to this server listen for the ends of predictions. */
export const countListeners = async (admin: Redis, prefix?: string): Promise<number> => {
  const [, count] = await admin.pubsub('NUMSUB', endsChannel(prefix))
  return Number(count)
}

/**
 * A durable Redis on a port of its own that the scenario starts, kills and starts again with the same data; and a
 * client of the scenario's. Both end with the test.
 */
export const makeOwnServer = async (t: TestContext, options: { args?: string[]; password?: string } = {}) => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-outages-'))
  const port = await findFreePort()
  const admin = new Redis({
    port,
    ...(options.password === undefined ? {} : { password: options.password }),
    lazyConnect: true,
    maxRetriesPerRequest: null,
    retryStrategy: () => 100,
    maxLoadingRetryTime: 100,
  })
  admin.on('error', () => undefined)
  let server: TestRedis | undefined
  t.after(async () => {
    admin.disconnect()
    // A server that was paused would not hear that it shall stop.
    server?.kill('SIGCONT')
    await server?.stop()
    await rm(dir, { recursive: true, force: true })
  })
  return {
    port,
    admin,
    url: `redis://127.0.0.1:${port}`,
    start: async (extraArgs: string[] = []): Promise<void> => {
      const args = [...(options.args ?? []), ...extraArgs]
      server = await startTestRedis({ durable: true, dir, port, extraArgs: args })
    },
    kill: async (): Promise<void> => {
      server?.kill('SIGKILL')
      await server?.exited
    },
    signal: async (signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> => server?.kill(signal),
  }
}
export type OwnServer = Awaited<ReturnType<typeof makeOwnServer>>
