import { readCpuBudget } from '@menagerie/inference/cpu-budget'
import { defaultCacheDir } from '@menagerie/model-files/cache-dir'
import { createProgressDisplay } from '@menagerie/model-tools/progress'
import { parseArgs } from 'node:util'
import { readPhotos } from './photos.ts'
import { planLayouts } from './tune/candidates.ts'
import { findModel } from './tune/find-model.ts'
import { measureLayouts } from './tune/measure.ts'
import { describe, formatBest, formatTable, pickForLatency, pickForThroughput } from './tune/report.ts'

// Which settings suit the model on this machine? Every sensible way to share the cores is measured, decode included,
// in turns.
const HELP = `Usage: pnpm tune [options]

Finds the INFERENCE_MODE, INFERENCE_THREADS and JOB_CONCURRENCY that suit a model on this machine. Run it while nothing
else runs.

  --model <name>     default: MODEL, or densenet-121
  --model-dir <dir>  default: MODEL_DIR
  --photos <dir>     pictures to measure with; by default photos of about half a megapixel or less
  --seconds <n>      for each candidate (6)
  --json             one JSON object instead of the table`

const { env } = process
const { values } = parseArgs({
  options: {
    model: { type: 'string', default: env['MODEL'] || 'densenet-121' },
    'model-dir': { type: 'string', default: env['MODEL_DIR'] || undefined },
    photos: { type: 'string' },
    seconds: { type: 'string', default: '6' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const log = (line: string): void => void process.stderr.write(`${line}\n`)

const tune = async (): Promise<void> => {
  const timeMs = Number(values.seconds) * 1000
  if (!(timeMs > 0)) throw new Error('--seconds must be a number above 0')
  const model = await findModel({
    name: values.model,
    modelDir: values['model-dir'],
    cacheDir: env['MODEL_CACHE_DIR'] || defaultCacheDir(env),
    download: env['MODEL_DOWNLOAD'] !== '0',
    log,
  })
  const budget = readCpuBudget()
  log(`${model.name}, a budget of ${budget} ${budget === 1 ? 'core' : 'cores'}`)

  const progress = createProgressDisplay(process.stderr, (turns) => `${turns} turns`)
  const measured = await measureLayouts(planLayouts(budget), {
    model,
    photos: await readPhotos(values.photos),
    timeMs,
    onProgress: (step) => progress.show(step),
  }).finally(() => progress.stop())

  if (!values.json) return console.log(`${formatTable(measured)}\n\n${formatBest(measured)}`)
  const candidates = measured.map(describe)
  const [throughput, latency] = [pickForThroughput(measured), pickForLatency(measured)].map(describe)
  console.log(JSON.stringify({ bench: 'tune', model: model.name, throughput, latency, candidates }))
}

if (values.help) console.log(HELP)
else {
  await tune().catch((error: unknown) => {
    log(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  })
}
