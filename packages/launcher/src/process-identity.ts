import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const execFileAsync = promisify(execFile)

// Fields of /proc/<pid>/stat counted from behind the command's name, which may hold spaces: proc(5), 3 and 22.
const STATE_FIELD = 0
const START_TIME_FIELD = 19

const readLinuxIdentity = async (pid: number): Promise<string | undefined> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[STATE_FIELD] === 'Z') return undefined
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  return `${bootId}/${fields[START_TIME_FIELD]}`
}

const readPosixIdentity = async (pid: number): Promise<string | undefined> => {
  const { stdout } = await execFileAsync('ps', ['-o', 'lstart=', '-p', String(pid)])
  return stdout.trim() === '' ? undefined : stdout.trim()
}

/**
 * When a process started, as a text to compare: a process id alone may belong to someone else by now.
 * undefined: there is no such process.
 */
export const readProcessIdentity = async (pid: number): Promise<string | undefined> => {
  try {
    return await (process.platform === 'linux' ? readLinuxIdentity(pid) : readPosixIdentity(pid))
  } catch {
    return undefined
  }
}
