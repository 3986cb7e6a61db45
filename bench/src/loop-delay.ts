import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { AppProcess, Env } from '@menagerie/harness/processes'
import { waitUntil } from '@menagerie/harness/processes'

/** Measures the event-loop delay of a process's main thread from outside, with a probe that is loaded into it. */
export const createLoopDelayMeter = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-bench-'))
  const file = join(dir, 'loop-delay')
  const probe = pathToFileURL(join(import.meta.dirname, 'loop-delay-probe.js'))
  const readLines = async (): Promise<string[]> =>
    (await readFile(file, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
  return {
    /** For the environment of the process. */
    env: { NODE_OPTIONS: `--import ${probe.href}`, LOOP_DELAY_FILE: file } satisfies Env,
    /** The 99th percentile since the last time it was asked for, in ms. */
    async readP99Ms({ child }: AppProcess): Promise<number> {
      const { length } = await readLines()
      child.kill('SIGWINCH')
      await waitUntil('the probe has answered', async () => (await readLines()).length > length)
      return Number((await readLines()).at(-1))
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  }
}
