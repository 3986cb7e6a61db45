import { setTimeout as sleep } from 'node:timers/promises'
import lockfile from 'proper-lockfile'
import { codeOf } from './error-text.ts'

const POLL_MS = 200

export interface FileLockOptions {
  /** A holder that has given no sign of life for so long is taken for dead. At least 2,000. */
  readonly staleMs: number
  readonly signal: AbortSignal
  /** Called once when another process has the lock. */
  readonly onWait?: (() => void) | undefined
}

/**
 * Runs `work` while no other process holds `<path>.lock`, waiting for it as long as its holder is alive. The signal
 * given to `work` also fires when the lock is lost (a process stopped for long and then woken): the work must end.
 */
export async function withFileLock<T>(
  path: string,
  options: FileLockOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController()
  const release = await acquire(path, options, (cause) => {
    lost.abort(new Error(`lost the lock ${path}.lock to another process`, { cause }))
  })
  try {
    return await work(AbortSignal.any([options.signal, lost.signal]))
  } finally {
    // A lost lock is another's by now; there is nothing left to release.
    await release().catch(() => undefined)
  }
}

async function acquire(
  path: string,
  { staleMs, signal, onWait }: FileLockOptions,
  onCompromised: (error: Error) => void,
): Promise<() => Promise<void>> {
  for (let isFirst = true; ; isFirst = false) {
    signal.throwIfAborted()
    try {
      return await lockfile.lock(path, { realpath: false, stale: staleMs, onCompromised })
    } catch (error) {
      if (codeOf(error) !== 'ELOCKED') throw error
    }
    if (isFirst) onWait?.()
    await sleep(POLL_MS, undefined, { signal })
  }
}
