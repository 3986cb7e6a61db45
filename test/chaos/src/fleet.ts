import { REPO_ROOT } from '@menagerie/harness/paths'
import { isReady, waitUntil, type Env } from '@menagerie/harness/processes'
import { describeExit, startChildProcess, type ManagedProcess } from '@menagerie/launcher/child-process'
import { findFreePort } from '@menagerie/launcher/free-port'
import { nodeArgs } from '@menagerie/launcher/node-args'
import { join } from 'node:path'
import { startProxy, type Proxy } from './proxy.ts'

/** A place for one gateway or worker, which may be started again and again. */
export interface Slot {
  readonly name: string
  readonly url: string
  readonly proxy: Proxy
  readonly logPath: string
  readonly isUp: () => boolean
  /** Starts the process and waits until it is ready. */
  start(): Promise<void>
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves when the process is gone. It must exit with 0. */
  stop(): Promise<void>
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  killNow(): void
}

const READY_TIMEOUT_MS = 120_000

export interface SlotOptions {
  name: string
  app: 'gateway' | 'worker'
  redisPort: number
  logDir: string
  /** The environment, but for the port and the URL of Redis. */
  env: Env
  /** A process that ended in a way it should not have. */
  onExit: (name: string, detail: string) => void
}

/** A slot with a port of its own, and a proxy of its own in front of Redis. */
export const createSlot = async (options: SlotOptions): Promise<Slot> => {
  const { name, app } = options
  const proxy = await startProxy(options.redisPort)
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const logPath = join(options.logDir, `${name}.log`)
  const env: Env = {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '',
    ...options.env,
    REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
    [app === 'gateway' ? 'PORT' : 'PROBE_PORT']: String(port),
  }
  let current: ManagedProcess | null = null
  let ending: 'SIGKILL' | 'SIGTERM' | null = null

  const watch = async (child: ManagedProcess): Promise<void> => {
    const status = await child.exited
    current = null
    if (ending === 'SIGKILL' || (ending === 'SIGTERM' && status.code === 0)) return
    options.onExit(name, `${ending === null ? 'ended by itself' : 'was stopped'}: ${describeExit(status)}`)
  }
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    if (current === null) return
    const { exited } = current
    ending = signal
    current.kill(signal)
    await exited
  }

  return {
    name,
    url,
    proxy,
    logPath,
    isUp: () => current !== null,
    async start() {
      ending = null
      const child = await startChildProcess({
        command: process.execPath,
        args: [...nodeArgs(app), join(REPO_ROOT, 'apps', app, 'dist', 'main.js')],
        env,
        logPath,
        detached: true,
      })
      current = child
      void watch(child)
      await waitUntil(
        `${name} is ready`,
        async () => current !== child || (await isReady(url)),
        READY_TIMEOUT_MS,
      )
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    signal: (signal) => current?.kill(signal),
    killNow() {
      ending = 'SIGKILL'
      current?.kill('SIGKILL')
    },
  }
}
