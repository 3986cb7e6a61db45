import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { coerceError } from '@menagerie/shared/coerce-error'
import { describeExit, startChildProcess, type ExitStatus, type ManagedProcess } from './child-process.ts'
import { assertPortFree, findFreePort } from './free-port.ts'
import { readLogTail } from './log-tail.ts'
import { pingRedis } from './ping-redis.ts'
import { canRun } from './run-command.ts'

export interface RedisServerOptions {
  /** redis-server or valkey-server; found on PATH when left out. */
  binary?: string
  /** Where the data lies; made when missing. */
  dir: string
  /** true: each write is on disk before it is acknowledged. false: nothing is ever written. */
  durable: boolean
  port?: number
  extraArgs?: string[]
  /** The whole environment of the server; that of this process when left out. */
  env?: Record<string, string>
  /** `<dir>/redis.log` when left out. */
  logPath?: string
  detached?: boolean
}

export interface RedisServer extends ManagedProcess {
  readonly url: string
  readonly port: number
}

/** Starts a private Redis by whichever means this machine has. */
export type StartRedis = (options: RedisServerOptions) => Promise<RedisServer>

// Where package managers put servers that the PATH of a user may leave out.
const FOLDERS = ['', '/usr/sbin/', '/usr/local/bin/', '/usr/local/sbin/', '/opt/homebrew/bin/']

/** The command of a Redis or Valkey server that runs on this machine. */
export const findRedisServer = async (): Promise<string | undefined> => {
  for (const folder of FOLDERS) {
    for (const name of ['redis-server', 'valkey-server']) {
      if (await canRun(`${folder}${name}`, ['--version'])) return `${folder}${name}`
    }
  }
  return undefined
}

// `everysec` loses acknowledged writes when Redis is killed; and without noeviction a full Redis would drop
// accepted jobs instead of refusing new ones.
const DURABLE_ARGS = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
const VOLATILE_ARGS = ['--appendonly', 'no', '--save', '']

export const persistenceArgs = (durable: boolean): string[] => [
  ...(durable ? DURABLE_ARGS : VOLATILE_ARGS),
  '--maxmemory-policy',
  'noeviction',
]

/**
 * Starts a Redis on loopback and waits until it answers.
 *
 * @throws Error with the last lines of the server's own log when it does not come up
 */
export const startRedisServer: StartRedis = async (options) => {
  const binary = options.binary ?? (await findRedisServer())
  if (binary === undefined) throw new Error('No redis-server or valkey-server on PATH')
  await mkdir(options.dir, { recursive: true })
  const logPath = options.logPath ?? join(options.dir, 'redis.log')
  const port = options.port ?? (await findFreePort())
  // Or the server that has the port would answer in place of the new one, which dies a moment later.
  await assertPortFree(port)
  const child = await startChildProcess({
    command: binary,
    args: [
      '--bind',
      '127.0.0.1',
      '--port',
      String(port),
      '--dir',
      options.dir,
      ...persistenceArgs(options.durable),
      ...(options.extraArgs ?? []),
    ],
    logPath,
    detached: options.detached ?? false,
    ...(options.env === undefined ? {} : { env: options.env }),
  })
  const server: RedisServer = { ...child, url: `redis://127.0.0.1:${port}`, port }
  await waitForRedis(server, logPath)
  return server
}

const START_DEADLINE_MS = 30_000

/** Waits until a server that was just started answers; stops it when it does not. */
export const waitForRedis = async (server: RedisServer, logPath: string): Promise<void> => {
  let exit: ExitStatus | undefined
  void server.exited.then((status) => (exit = status))
  let deadline = performance.now() + START_DEADLINE_MS
  for (;;) {
    const reason = await pingRedis(server.url, 1000).catch((err: unknown) => coerceError(err))
    if (exit !== undefined) throw await createStartError(describeExit(exit), logPath)
    if (reason === undefined) return
    // A large append-only file takes as long as it takes.
    if (reason.message.includes('LOADING')) deadline = performance.now() + START_DEADLINE_MS
    if (performance.now() > deadline) {
      await server.stop()
      throw await createStartError(reason.message, logPath)
    }
    await sleep(25)
  }
}

const createStartError = async (reason: string, logPath: string): Promise<Error> =>
  new Error(
    `Redis did not start (${reason}). Its last words, from ${logPath}:\n${await readLogTail(logPath)}`,
  )
