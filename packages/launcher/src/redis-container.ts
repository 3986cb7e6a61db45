import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { startChildProcess } from './child-process.ts'
import { findFreePort } from './free-port.ts'
import { persistenceArgs, waitForRedis, type RedisServer, type StartRedis } from './redis-server.ts'
import { canRun, runLogged } from './run-command.ts'

const IMAGE = 'valkey/valkey:8'

/** Whether a docker engine answers, not only whether the command is there. */
export const isDockerRunning = (): Promise<boolean> =>
  canRun('docker', ['version', '--format', '{{.Server.Version}}'])

/** Gets the image unless it is there. Whether it is there now. */
export const pullRedisImage = async (options: {
  log: (line: string) => void
  logPath: string
  signal?: AbortSignal | undefined
}): Promise<boolean> => {
  if (await canRun('docker', ['image', 'inspect', IMAGE])) return true
  options.log(`Pulling ${IMAGE} with docker (its output: ${options.logPath})`)
  return await runLogged('docker', ['pull', IMAGE], options)
}

// One name per data folder: what a killed run left is found again, as the container and as its volume. (A
// volume and not the folder itself: a folder needs the engine on the same machine, with the same users.)
const nameContainer = (dir: string): string =>
  `menagerie-redis-${createHash('sha256').update(dir).digest('hex').slice(0, 12)}`

/** Starts Valkey in a container that is removed when it stops. */
export const startRedisContainer: StartRedis = async (options) => {
  await mkdir(options.dir, { recursive: true })
  const logPath = options.logPath ?? join(options.dir, 'redis.log')
  const port = options.port ?? (await findFreePort())
  const name = nameContainer(options.dir)
  await canRun('docker', ['rm', '--force', name])
  const child = await startChildProcess({
    command: 'docker',
    args: [
      'run',
      '--rm',
      '--name',
      name,
      '--publish',
      `127.0.0.1:${port}:6379`,
      ...(options.durable ? ['--volume', `${name}:/data`] : []),
      IMAGE,
      'valkey-server',
      '--protected-mode',
      'no',
      ...persistenceArgs(options.durable),
      ...(options.extraArgs ?? []),
    ],
    logPath,
    detached: options.detached ?? false,
  })
  const server: RedisServer = {
    ...child,
    url: `redis://127.0.0.1:${port}`,
    port,
    kill: (signal) => void canRun('docker', ['kill', '--signal', signal, name]),
    async stop(deadlineMs) {
      await canRun('docker', ['stop', name])
      await child.stop(deadlineMs)
    },
  }
  await waitForRedis(server, logPath)
  return server
}
