import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode } from './error-code.ts'
import { isSameProcess, type RecordedProcess } from './run-record.ts'

const GRACE_MS = 10_000

const signalProcess = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch (err) {
    if (errorCode(err) !== 'ESRCH') throw err
  }
}

const stopProcess = async (leftover: RecordedProcess): Promise<void> => {
  const deadline = performance.now() + GRACE_MS
  signalProcess(leftover.pid, 'SIGTERM')
  while (await isSameProcess(leftover)) {
    if (performance.now() > deadline) signalProcess(leftover.pid, 'SIGKILL')
    await sleep(50)
  }
}

/** Stops the recorded processes that are still the same ones; the last started goes first. */
export const stopLeftovers = async (
  recorded: RecordedProcess[],
  log: (line: string) => void,
): Promise<void> => {
  for (const leftover of recorded.toReversed()) {
    if (!(await isSameProcess(leftover))) continue
    log(`Stopping ${leftover.name} (process ${leftover.pid}), left behind by a run that was killed`)
    await stopProcess(leftover)
  }
}
