/**
 * `pnpm chaos`: kills, stops, fills and cuts a real service by a seeded schedule while clients load it, and checks that
 * every accepted prediction reached its one end. Exit code 1 when anything was found.
 */
import { coerceError } from '@menagerie/shared/coerce-error'
import { readLogTail } from '@menagerie/launcher/log-tail'
import cliProgress from 'cli-progress'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatCommand, parseOptions } from './options.ts'
import { formatReport, isGood, summarize } from './report.ts'
import { runChaos, type Phase } from './run-chaos.ts'
import { createWorkFolder } from './work-folder.ts'

const PROGRESS_LINE_MS = 5000
const LOG_LINES = 20

const options = parseOptions(process.argv.slice(2))
const log = (text: string): void => void process.stderr.write(`${text}\n`)
const startedAt = performance.now()
const folder = await createWorkFolder()

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => interrupted.abort(new Error(`stopped by ${signal}`)))
}

const bar = new cliProgress.SingleBar({
  stream: process.stderr,
  format: '{bar} {value} of {total} settled | {kills} kills | {phase} {open}',
  noTTYOutput: true,
  notTTYSchedule: PROGRESS_LINE_MS,
})
const payload = { kills: 0, phase: 'start' as Phase, open: '' }

const readTails = async (): Promise<Map<string, string>> => {
  const names = (await readdir(folder.logs)).toSorted()
  const tails = names.map(async (name): Promise<[string, string]> => [
    name,
    await readLogTail(join(folder.logs, name), LOG_LINES),
  ])
  return new Map(await Promise.all(tails))
}

log(`${formatCommand(options)}\nlogs: ${folder.logs}`)
bar.start(options.jobs, 0, payload)
let isWell = false
try {
  const result = await runChaos(
    options,
    folder,
    {
      onPhase: (phase) => bar.update({ ...payload, phase }),
      onSettled: (settled, kills) => bar.update(settled, { ...payload, phase: 'chaos', kills }),
      onOpen: (open) => bar.update({ phase: 'drain', open: `(${open} jobs left)` }),
    },
    interrupted.signal,
  )
  bar.stop()
  const summary = summarize(result, options, (performance.now() - startedAt) / 1000)
  isWell = isGood(summary, options)
  const reportPath = options.reportPath ?? join(folder.path, 'chaos-report.md')
  await writeFile(reportPath, formatReport(result, options, summary, await readTails()))
  log(`report: ${reportPath}`)
  console.log(JSON.stringify(summary))
} catch (thrown) {
  bar.stop()
  log(
    interrupted.signal.aborted
      ? coerceError(interrupted.signal.reason).message
      : String(coerceError(thrown).stack),
  )
} finally {
  await folder.clean({ all: isWell && options.reportPath !== null })
}
process.exit(isWell ? 0 : 1)
