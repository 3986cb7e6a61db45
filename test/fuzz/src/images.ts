import { readCpuBudget } from '@menagerie/inference/cpu-budget'
import cliProgress from 'cli-progress'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildCase } from './build-case.ts'
import { createFindingFolder } from './finding-folder.ts'
import { isGood, makeReport } from './report.ts'
import { runCases } from './run-cases.ts'
import { makeSeedFiles } from './seed-files.ts'
import { FUZZ_MODEL } from './tiny-model.ts'

// Damaged files against the decode path of a worker: none may end the process, hang, fill the memory, or fail with
// anything but the errors that clients know.
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    count: { type: 'string', default: '20000' },
    // One case, whose file is kept.
    case: { type: 'string' },
    children: { type: 'string', default: String(readCpuBudget()) },
    child: { type: 'string', default: join(import.meta.dirname, 'image-child.js') },
    'hang-timeout-ms': { type: 'string', default: '60000' },
  },
})
// As many as libuv has threads: more would wait in the child.
const IN_FLIGHT_MAX = 4
const PROGRESS_LINE_MS = 5000
// glibc keeps what is freed for the next request, in a pool per thread: 600 MB after 20,000 cases, which say nothing.
// Like this it gives memory back, 60 MB are left, and what grows is what nobody frees. Other libcs do not look at it.
const ALLOCATOR_ENV = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '65536',
  MALLOC_TRIM_THRESHOLD_: '131072',
}

const seed = Number(values.seed)
const first = Number(values.case ?? values.first)
const count = values.case === undefined ? Number(values.count) : 1
const children = Math.min(count, Number(values.children))
const log = (text: string): void => void process.stderr.write(text)
if (![seed, first, count, children].every((value) => Number.isSafeInteger(value) && value >= 0)) {
  throw new RangeError('--seed, --first, --count, --case and --children are whole numbers')
}

const startedAt = performance.now()
log(`seed ${seed}, cases ${first} to ${first + count - 1}\n`)
const files = await makeSeedFiles()
const folder = createFindingFolder(seed, log)
if (values.case !== undefined) await folder.saveCase(buildCase(seed, first, files))

const bar = new cliProgress.SingleBar({
  stream: process.stderr,
  format: '{bar} {value} of {total} cases | {eta_formatted} left',
  noTTYOutput: true,
  notTTYSchedule: PROGRESS_LINE_MS,
})
const dir = await mkdtemp(join(tmpdir(), 'menagerie-fuzz-model-'))
try {
  const modelPath = join(dir, 'model.onnx')
  await writeFile(modelPath, FUZZ_MODEL.bytes)
  bar.start(count, 0)
  const tally = await runCases({
    child: {
      path: values.child,
      args: [modelPath],
      env: { ...process.env, ...ALLOCATOR_ENV },
      hangTimeoutMs: Number(values['hang-timeout-ms']),
    },
    children,
    inFlightMax: IN_FLIGHT_MAX,
    first,
    count,
    buildCase: (number) => buildCase(seed, number, files),
    warmUp: files
      .filter(({ isLarge }) => !isLarge)
      .map(({ name, bytes }, i) => ({ number: -1 - i, bytes, description: name })),
    onFinding: (finding) => folder.saveFinding(finding),
    onProgress: (doneCount) => bar.update(doneCount),
  })
  bar.stop()
  const seconds = (performance.now() - startedAt) / 1000
  const report = makeReport(tally, { seed, cases: count, children, inFlightMax: IN_FLIGHT_MAX, seconds })
  console.log(JSON.stringify(report))
  process.exitCode = isGood(report) ? 0 : 1
} finally {
  bar.stop()
  await rm(dir, { recursive: true })
}
