import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { settlesWithin } from './settles-within.ts'

export interface ExitStatus {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface ManagedProcess {
  readonly pid: number
  /** Resolves once the process is gone; never rejects. */
  readonly exited: Promise<ExitStatus>
  kill(signal: NodeJS.Signals): void
  /** SIGTERM, and SIGKILL when the process is still there after `deadlineMs`. */
  stop(deadlineMs?: number): Promise<void>
}

export interface ChildProcessOptions {
  command: string
  args: string[]
  /** Receives stdout and stderr; appended to. */
  logPath: string
  /** The whole environment of the child; that of this process when left out. */
  env?: Record<string, string | undefined>
  /**
   * Puts the child into a session of its own: a Ctrl-C in the terminal reaches only this process, which then
   * stops its children in the right order.
   */
  detached?: boolean
}

const STOP_DEADLINE_MS = 10_000

/** Starts a process that logs to a file. Rejects when the command cannot be run. */
export const startChildProcess = async (options: ChildProcessOptions): Promise<ManagedProcess> => {
  const log = await open(options.logPath, 'a')
  try {
    const child = spawn(options.command, options.args, {
      stdio: ['ignore', log.fd, log.fd],
      detached: options.detached ?? false,
      ...(options.env === undefined ? {} : { env: options.env }),
    })
    const exited = new Promise<ExitStatus>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    await once(child, 'spawn')
    if (child.pid === undefined) throw new Error(`${options.command} did not start`)
    return manageProcess(child.pid, exited, (signal) => child.kill(signal))
  } finally {
    await log.close()
  }
}

const manageProcess = (
  pid: number,
  exited: Promise<ExitStatus>,
  kill: (signal: NodeJS.Signals) => void,
): ManagedProcess => ({
  pid,
  exited,
  kill,
  async stop(deadlineMs = STOP_DEADLINE_MS) {
    kill('SIGTERM')
    if (!(await settlesWithin(exited, deadlineMs))) kill('SIGKILL')
    await exited
  },
})

/** `exit code 1` or `signal SIGKILL`. */
export const describeExit = ({ code, signal }: ExitStatus): string =>
  signal === null ? `exit code ${code}` : `signal ${signal}`
