import { findFreePort } from '@menagerie/launcher/free-port'
import { nodeArgs, nodeEnv } from '@menagerie/launcher/node-args'
import { ensureStandIn } from '@menagerie/model-tools/stand-in'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FIXTURES_DIR, REPO_ROOT } from './paths.ts'

export { findFreePort }

export type Env = Record<string, string>

export interface AppProcess {
  url: string
  child: ChildProcess
  /** Everything it has logged so far. */
  log(): string
  /** Sends SIGTERM, waits for the end, and returns the exit code (null: it died of a signal). */
  stop(): Promise<number | null>
  /** Sends a signal; resolves when the process is gone, if the signal ends it. */
  kill(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): Promise<void>
}

const READY_TIMEOUT_MS = 60_000
const POLL_MS = 25

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until the check is true; throws with `what` when it is not in time. */
export const waitUntil = async (
  what: string,
  check: () => Promise<boolean> | boolean,
  timeoutMs = READY_TIMEOUT_MS,
): Promise<void> => {
  const endsAt = performance.now() + timeoutMs
  while (!(await check())) {
    if (performance.now() > endsAt) throw new Error(`waited in vain until ${what}`)
    await sleep(POLL_MS)
  }
}

export const isReady = async (url: string): Promise<boolean> => {
  const answer = await fetch(`${url}/readyz`).catch(() => null)
  await answer?.arrayBuffer()
  return answer?.status === 200
}

const startApp = async (
  app: 'gateway' | 'worker',
  url: string,
  env: Env,
  mustBeReady: boolean,
): Promise<AppProcess> => {
  const child = spawn(process.execPath, [...nodeArgs(app), join(REPO_ROOT, 'apps', app, 'dist', 'main.js')], {
    // Nothing of the surroundings but what Node needs: a test says what it sets.
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...nodeEnv(app), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => lines.push(text))
  }
  const exited = once(child, 'exit')
  const log = (): string => lines.join('')
  if (mustBeReady) {
    await waitUntil(`the ${app} is ready`, () => {
      if (child.exitCode !== null) throw new Error(`the ${app} ended with ${child.exitCode}:\n${log()}`)
      return isReady(url)
    })
  }
  return {
    url,
    child,
    log,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await exited
      return child.exitCode
    },
    async kill(signal) {
      child.kill(signal)
      if (signal === 'SIGKILL' || signal === 'SIGTERM') await exited
    },
  }
}

/** A real gateway process on a free port of the loopback. */
export const startGateway = async (env: Env, options = { mustBeReady: true }): Promise<AppProcess> => {
  const port = env['PORT'] ?? String(await findFreePort())
  return startApp('gateway', `http://127.0.0.1:${port}`, { ...env, PORT: port }, options.mustBeReady)
}

/** A real worker process; `url` is where its probes are. */
export const startWorker = async (env: Env, options = { mustBeReady: true }): Promise<AppProcess> => {
  const port = String(await findFreePort())
  return startApp('worker', `http://127.0.0.1:${port}`, { ...env, PROBE_PORT: port }, options.mustBeReady)
}

const TEST_CACHE_DIR = join(tmpdir(), 'menagerie-test-models')

/** Settings of a model to test with: the trained MobileNetV2 where the fixtures are, else the stand-in. */
export const testModelEnv = async (): Promise<Env> => {
  if (FIXTURES_DIR !== null) return { MODEL: 'mobilenet-v2', MODEL_DIR: join(FIXTURES_DIR, 'models') }
  return standInEnv()
}

/** Settings for the untrained DenseNet-121, built on first use. */
export const standInEnv = async (): Promise<Env> => {
  await ensureStandIn({ cacheDir: TEST_CACHE_DIR, name: 'densenet-121' })
  // A folder that holds nothing else: no weights of the user's are found by accident, and none downloaded.
  return { MODEL: 'densenet-121', MODEL_CACHE_DIR: TEST_CACHE_DIR, ALLOW_STAND_IN: '1', MODEL_DOWNLOAD: '0' }
}
