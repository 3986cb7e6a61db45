import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const BINARIES = ['redis-server', 'valkey-server']

/** The command of a Redis or Valkey server; undefined where there is none. */
export const redisServerCommand = BINARIES.find((name) => spawnSync(name, ['--version']).status === 0)

/** Why a test that must stop its Redis is skipped; false where a server can be started. */
export const skipWithoutRedisServer: string | false =
  redisServerCommand === undefined ? 'no redis-server or valkey-server on PATH' : false

export interface RedisProcess {
  /** Stays the same when the server is started again. */
  url: string
  start(): Promise<void>
  kill(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>
  /** Ends the server, if it runs, and removes its folder. */
  remove(): Promise<void>
}

/** A Redis of one's own, to be killed. It listens on a Unix socket, so that it takes no port from anybody. */
export const createRedisProcess = async (extraArgs: string[] = []): Promise<RedisProcess> => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-redis-'))
  const socket = join(dir, 'redis.sock')
  const args = ['--port', '0', '--unixsocket', socket, '--dir', dir, '--save', '', ...extraArgs]
  let child: ReturnType<typeof launch> | undefined
  const launch = () => spawn(redisServerCommand ?? '', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const end = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  return {
    url: `unix://${socket}`,
    async start() {
      child = launch()
      const lines: string[] = []
      // The rest is read as well: a full pipe would stop the server.
      const reader = createInterface(child.stdout)
      await new Promise<void>((resolve, reject) => {
        reader.on('line', (line) => {
          lines.push(line)
          if (/ready to accept connections/i.test(line)) resolve()
        })
        reader.on('close', () => reject(new Error(`redis did not start:\n${lines.join('\n')}`)))
      })
    },
    async kill(signal) {
      if (signal === 'SIGKILL') await end()
      else child?.kill(signal)
    },
    async remove() {
      await end()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
