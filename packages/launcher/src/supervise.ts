import { setTimeout as sleep } from 'node:timers/promises'
import { coerceError } from '@menagerie/shared/coerce-error'
import { describeExit, type ManagedProcess } from './child-process.ts'

export interface SuperviseOptions {
  name: string
  start: () => Promise<ManagedProcess>
  /** Named in the line about a death. */
  logPath: string
  log: (line: string) => void
  /** Called with the process id of each start. */
  onStart?: (pid: number) => void
  firstDelayMs?: number
  longestDelayMs?: number
}

export interface Supervised {
  readonly name: string
  readonly logPath: string
  /** How often it has died by itself. */
  deaths(): number
  kill(signal: NodeJS.Signals): void
  /** Stops the process for good. */
  stop(deadlineMs?: number): Promise<void>
}

// A process that lived this long had started well: its death begins a new count.
const SETTLED_MS = 30_000

/** Starts a process, and again whenever it dies, until `stop()`. Rejects when the first start fails. */
export const supervise = async (options: SuperviseOptions): Promise<Supervised> => {
  const { name, log, logPath, firstDelayMs = 500, longestDelayMs = 10_000 } = options
  const stopping = new AbortController()
  let deaths = 0

  const start = async (): Promise<ManagedProcess> => {
    const child = await options.start()
    options.onStart?.(child.pid)
    return child
  }
  let current = await start()

  const tryStart = async (): Promise<boolean> => {
    try {
      current = await start()
      return true
    } catch (err) {
      log(`${name} could not be started again: ${coerceError(err).message}`)
      return false
    }
  }

  const watch = async (): Promise<void> => {
    let delayMs = firstDelayMs
    let startedAt = performance.now()
    for (;;) {
      const status = await current.exited
      if (stopping.signal.aborted) return
      deaths += 1
      if (performance.now() - startedAt > SETTLED_MS) delayMs = firstDelayMs
      log(
        `${name} died (${describeExit(status)}); starting it again in ${delayMs / 1000} s; its log: ${logPath}`,
      )
      do {
        await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => {})
        if (stopping.signal.aborted) return
        delayMs = Math.min(delayMs * 2, longestDelayMs)
      } while (!(await tryStart()))
      startedAt = performance.now()
    }
  }
  const watching = watch()

  return {
    name,
    logPath,
    deaths: () => deaths,
    kill: (signal) => current.kill(signal),
    async stop(deadlineMs) {
      const before = current
      stopping.abort()
      await before.stop(deadlineMs)
      await watching
      // A start that was under way when the stop came.
      if (current !== before) await current.stop(deadlineMs)
    },
  }
}
