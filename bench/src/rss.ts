import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { median } from './statistics.ts'

const SETTLE_MS = 2000
const SAMPLES = 11
const SAMPLE_INTERVAL_MS = 100
const KIB = 1024

const run = promisify(execFile)

/** Resident memory of a process, in bytes: from /proc on Linux, else from `ps`. */
const readRssBytes = async (pid: number): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kib =
    /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? (await run('ps', ['-o', 'rss=', '-p', `${pid}`])).stdout
  return Number(kib) * KIB
}

/** What a process holds when it has nothing to do: the median of a second, two seconds after the last work. */
export const readRestingRssBytes = async (pid: number): Promise<number> => {
  await sleep(SETTLE_MS)
  const samples: number[] = []
  for (let i = 0; i < SAMPLES; i++) {
    samples.push(await readRssBytes(pid))
    await sleep(SAMPLE_INTERVAL_MS)
  }
  return median(samples)
}
