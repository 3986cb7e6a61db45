import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { coerceError } from '@menagerie/shared/coerce-error'
import lockfile from 'proper-lockfile'
import { errorCode } from './error-code.ts'
import {
  identifyProcess,
  isSameProcess,
  readRunRecord,
  writeRunRecord,
  type RunRecord,
} from './run-record.ts'
import { stopLeftovers } from './stop-leftovers.ts'

/** Another run has this data folder. The message says where it is and how to stop it. */
export class AlreadyRunningError extends Error {
  constructor(record: RunRecord | undefined) {
    super(
      record === undefined
        ? 'Menagerie is being started here by another run.sh.'
        : `Menagerie runs here already: ${record.url} (process ${record.launcher.pid}). ` +
            `Use it, or stop it with Ctrl-C where it runs or with: kill ${record.launcher.pid}`,
    )
    this.name = 'AlreadyRunningError'
  }
}

export interface RunLock {
  /** Notes a process that must not outlive this run. */
  recordChild: (name: string, pid: number) => void
  release: () => Promise<void>
}

const STALE_MS = 5000

/**
 * Makes this the only run in a data folder, and stops the processes that a killed run left behind.
 *
 * @throws AlreadyRunningError
 */
export const acquireRunLock = async (options: {
  dataDir: string
  url: string
  log: (line: string) => void
}): Promise<RunLock> => {
  const { dataDir, url, log } = options
  const recordPath = join(dataDir, 'run.json')
  await mkdir(dataDir, { recursive: true })
  const unlock = await lockFolder(dataDir, recordPath)

  const previous = await readRunRecord(recordPath)
  // The lock goes stale while a laptop sleeps; the process that had it may still be there.
  if (previous !== undefined && (await isSameProcess(previous.launcher))) {
    await unlock()
    throw new AlreadyRunningError(previous)
  }
  await stopLeftovers(previous?.children ?? [], log)

  const launcher = await identifyProcess('launcher', process.pid)
  if (launcher === undefined) throw new Error('Cannot read when this process started (/proc or ps)')
  const record: RunRecord = { url, launcher, children: [] }
  await writeRunRecord(recordPath, record)
  let writing = Promise.resolve()

  const add = async (name: string, pid: number): Promise<void> => {
    const child = await identifyProcess(name, pid)
    if (child === undefined) return
    record.children = [...record.children.filter((other) => other.name !== name), child]
    await writeRunRecord(recordPath, record)
  }

  return {
    recordChild(name, pid) {
      writing = writing
        .then(() => add(name, pid))
        .catch((err: unknown) => log(`could not write ${recordPath}: ${coerceError(err).message}`))
    },
    async release() {
      await writing
      await rm(recordPath, { force: true })
      await unlock()
    },
  }
}

/** A killed run cannot give its lock back: it is waited for until it counts as stale. */
const lockFolder = async (dataDir: string, recordPath: string): Promise<() => Promise<void>> => {
  const deadline = performance.now() + 2 * STALE_MS
  for (;;) {
    try {
      return await lockfile.lock(dataDir, {
        lockfilePath: join(dataDir, 'run.lock'),
        stale: STALE_MS,
        update: 1000,
        // Nothing to do about it here: the record says to whoever takes the lock that this process is there.
        onCompromised: () => {},
      })
    } catch (err) {
      if (errorCode(err) !== 'ELOCKED') throw err
    }
    const holder = await readRunRecord(recordPath)
    if (holder !== undefined && (await isSameProcess(holder.launcher))) throw new AlreadyRunningError(holder)
    if (performance.now() > deadline) throw new AlreadyRunningError(undefined)
    await sleep(250)
  }
}
