import { waitUntil } from '@menagerie/harness/processes'
import cliProgress from 'cli-progress'
import { parseArgs } from 'node:util'
import { createFindingFolder } from './finding-folder.ts'
import { auditLog } from './http/audit-log.ts'
import { buildHttpCase } from './http/build-http-case.ts'
import { findServiceFault } from './http/good-request.ts'
import { isGoodReport, makeHttpReport } from './http/http-report.ts'
import { readProcessUse } from './http/process-use.ts'
import { runHttpCases } from './http/run-http-cases.ts'
import { openTarget, SECRETS } from './http/target.ts'

// Hostile requests over raw connections against a gateway process: none may end it, make it fail, forge a line of its
// log, be taken for another request, or leave anything behind.
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    cases: { type: 'string', default: '20000' },
    // One case, whose bytes are kept.
    case: { type: 'string' },
    lanes: { type: 'string', default: '32' },
  },
})
const PROGRESS_LINE_MS = 5000
const HANG_TIMEOUT_MS = 30_000
const GOOD_EVERY = 50
const WARM_UP_REQUESTS = 300
const SAMPLE_INTERVAL_MS = 250
const SHOWN_MAX = 5

const seed = Number(values.seed)
const first = Number(values.case ?? values.first)
const cases = values.case === undefined ? Number(values.cases) : 1
const lanes = Math.min(cases, Number(values.lanes))
const log = (text: string): void => void process.stderr.write(text)
if (![seed, first, cases, lanes].every((value) => Number.isSafeInteger(value) && value >= 0)) {
  throw new RangeError('--seed, --first, --cases, --case and --lanes are whole numbers')
}

const startedAt = performance.now()
log(`seed ${seed}, cases ${first} to ${first + cases - 1}\n`)
const folder = createFindingFolder(seed, log)
if (values.case !== undefined) await folder.saveCase(buildHttpCase(seed, first))

const bar = new cliProgress.SingleBar({
  stream: process.stderr,
  format: '{bar} {value} of {total} cases | {eta_formatted} left',
  noTTYOutput: true,
  notTTYSchedule: PROGRESS_LINE_MS,
})
const target = await openTarget()
for (let i = 0; i < WARM_UP_REQUESTS; i++) {
  const fault = await findServiceFault(target.url)
  if (fault !== null) throw new Error(fault)
}
const use = { start: await readProcessUse(target.pid()), rssBytesMax: 0 }
const sampleUse = async (): Promise<void> => {
  const now = await readProcessUse(target.pid())
  use.rssBytesMax = Math.max(use.rssBytesMax, now?.rssBytes ?? 0)
}
const sampler = setInterval(() => {
  void sampleUse()
}, SAMPLE_INTERVAL_MS)

bar.start(cases, 0)
const tally = await runHttpCases({
  target,
  lanes,
  first,
  count: cases,
  goodEvery: GOOD_EVERY,
  hangTimeoutMs: HANG_TIMEOUT_MS,
  buildCase: (number) => buildHttpCase(seed, number),
  onFinding: (finding) => folder.saveFinding(finding),
  onProgress: (doneCount) => bar.update(doneCount),
})
bar.stop()
// Connections of the last cases may still be on their way out, and so may what they had stored.
const isSettled = async (): Promise<boolean> => {
  const [now, { uploads, jobs }] = await Promise.all([readProcessUse(target.pid()), target.countStored()])
  return uploads + jobs === 0 && (now?.handles ?? 0) <= (use.start?.handles ?? 0)
}
await waitUntil('nothing is left', isSettled, HANG_TIMEOUT_MS).catch(() => undefined)
clearInterval(sampler)
const endUse = await readProcessUse(target.pid())
const stored = await target.countStored()
const exitCode = await target.stop()

const audit = auditLog(target.log(), SECRETS)
const numbers = Array.from({ length: cases }, (_, i) => first + i)
const smuggled = numbers.filter((number) => {
  const { hiddenPath } = buildHttpCase(seed, number)
  return hiddenPath !== undefined && audit.paths.has(hiddenPath)
})
for (const [what, lines] of Object.entries({
  'forged or broken lines': audit.forged,
  'lines with a secret': audit.leaking,
  'errors in the log': audit.errors,
})) {
  if (lines.length > 0) log(`\n${what}:\n${lines.slice(0, SHOWN_MAX).join('\n')}\n`)
}
if (smuggled.length > 0) log(`\nsmuggled: cases ${smuggled.slice(0, SHOWN_MAX).join(', ')}\n`)

const report = makeHttpReport({
  tally,
  audit,
  smuggled: smuggled.length,
  stored,
  exitCode,
  use: { ...use, end: endUse },
  cases,
  seed,
  seconds: (performance.now() - startedAt) / 1000,
})
console.log(JSON.stringify(report))
process.exitCode = isGoodReport(report) ? 0 : 1
