import { readdir, readFile } from 'node:fs/promises'

// Linux counts in hundredths of a second, whatever the kernel's own clock is.
const MS_PER_TICK = 10
// Fields of /proc/<pid>/task/<tid>/stat after the name, which is in brackets: see proc(5).
const UTIME = 11
const STIME = 12
const NICE = 16

interface ThreadTime {
  id: number
  nice: number
  cpuMs: number
}

const readThread = async (pid: number, id: number): Promise<ThreadTime | null> => {
  const stat = await readFile(`/proc/${pid}/task/${id}/stat`, 'utf8').catch(() => null)
  if (stat === null) return null
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const cpuMs = (Number(fields[UTIME]) + Number(fields[STIME])) * MS_PER_TICK
  return { id, nice: Number(fields[NICE]), cpuMs }
}

export interface CpuTimes {
  /** Of the thread that the process began with. */
  mainMs: number
  /** Of threads with a lower priority: in a worker, those that run the model. */
  niceMs: number
  /** Of all others: decoding, garbage collection, compilation. */
  restMs: number
}

/** How long the threads of a process have run so far; zeros where there is no `/proc`. */
export const readCpuTimes = async (pid: number): Promise<CpuTimes> => {
  const ids = await readdir(`/proc/${pid}/task`).catch(() => [])
  const threads = await Promise.all(ids.map((id) => readThread(pid, Number(id))))
  const times: CpuTimes = { mainMs: 0, niceMs: 0, restMs: 0 }
  for (const thread of threads) {
    if (thread === null) continue
    if (thread.id === pid) times.mainMs += thread.cpuMs
    else if (thread.nice > 0) times.niceMs += thread.cpuMs
    else times.restMs += thread.cpuMs
  }
  return times
}
