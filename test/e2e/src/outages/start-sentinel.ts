import { waitUntil } from '@menagerie/harness/processes'
import { redisServerCommand } from '@menagerie/shared/testing/redis-process'
import { Redis } from 'ioredis'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** A sentinel that watches `mymaster` and moves it to a replica after half a second; it ends with the test. */
export const startSentinel = async (
  t: TestContext,
  options: { port: number; master: number; password: string },
): Promise<void> => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-sentinel-'))
  const path = join(dir, 'sentinel.conf')
  const lines = [
    `port ${options.port}`,
    'bind 127.0.0.1',
    `dir ${dir}`,
    `sentinel monitor mymaster 127.0.0.1 ${options.master} 1`,
    `sentinel auth-pass mymaster ${options.password}`,
    'sentinel down-after-milliseconds mymaster 500',
    'sentinel failover-timeout mymaster 5000',
  ]
  await writeFile(path, `${lines.join('\n')}\n`)
  const child = spawn(redisServerCommand ?? '', [path, '--sentinel'], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
    await rm(dir, { recursive: true, force: true })
  })
  const client = new Redis({ port: options.port, retryStrategy: () => 100, maxRetriesPerRequest: null })
  client.on('error', () => undefined)
  await waitUntil('the sentinel answers', async () => (await client.ping()) === 'PONG')
  client.disconnect()
}
