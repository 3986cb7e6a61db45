import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { startChildProcess } from './child-process.ts'

const execFileAsync = promisify(execFile)

/** Whether a command exists and exits with 0 within some seconds. */
export const canRun = async (command: string, args: string[]): Promise<boolean> => {
  try {
    await execFileAsync(command, args, { timeout: 10_000 })
    return true
  } catch {
    return false
  }
}

/** Runs a command to its end with its output in a file. Whether it exited with 0. */
export const runLogged = async (
  command: string,
  args: string[],
  options: { logPath: string; signal?: AbortSignal | undefined },
): Promise<boolean> => {
  options.signal?.throwIfAborted()
  const child = await startChildProcess({ command, args, logPath: options.logPath })
  const abort = (): void => child.kill('SIGTERM')
  options.signal?.addEventListener('abort', abort)
  const { code } = await child.exited
  options.signal?.removeEventListener('abort', abort)
  options.signal?.throwIfAborted()
  return code === 0
}
