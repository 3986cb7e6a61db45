import { readdir, readFile } from 'node:fs/promises'

export interface ProcessUse {
  rssBytes: number
  /** Open files and sockets. */
  handles: number
}

/** What a process holds, where Linux tells; null elsewhere. */
export const readProcessUse = async (pid: number): Promise<ProcessUse | null> => {
  try {
    const [status, handles] = await Promise.all([
      readFile(`/proc/${pid}/status`, 'utf8'),
      readdir(`/proc/${pid}/fd`),
    ])
    return { rssBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024, handles: handles.length }
  } catch {
    return null
  }
}
