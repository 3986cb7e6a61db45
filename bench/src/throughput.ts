import { standInEnv } from '@menagerie/harness/processes'
import { createClassifier } from '@menagerie/inference/classifier'
import { readCpuBudget } from '@menagerie/inference/cpu-budget'
import { resolveModel } from '@menagerie/model-files/resolve-model'
import { parseArgs } from 'node:util'
import { createCpuLedger } from './cpu-ledger.ts'
import { runClosedLoop } from './closed-loop.ts'
import { readPhotos } from './photos.ts'
import { startService } from './service.ts'
import { median, percentile, round } from './statistics.ts'

// What does the service cost? The same photos go through HTTP, queue and worker, and through a bare loop over the
// same inference modules in this process, in turns, so that a noisy machine disturbs both alike.
const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '11' },
    images: { type: 'string', default: '80' },
    'warm-up': { type: 'string', default: '4000' },
  },
})
const pairs = Number(values.pairs)
const imagesPerTurn = Number(values.images)
const warmUpRequests = Number(values['warm-up'])
const warmUpImages = 100

const threads = readCpuBudget()
const inFlight = 2 * threads
const photos = await readPhotos()
const photoAt = (index: number): Buffer => photos[index % photos.length] ?? Buffer.alloc(0)

const modelEnv = await standInEnv()
const model = await resolveModel({
  name: 'densenet-121',
  cacheDir: modelEnv['MODEL_CACHE_DIR'] ?? '',
  allowStandIn: true,
  download: false,
})
const classifier = await createClassifier({ modelPath: model.path, input: model.manifest.input, threads })
const service = await startService({ ...modelEnv, CACHE_TTL: '0', INFERENCE_THREADS: String(threads) })

let bareCpu = createCpuLedger({ bare: process.pid })
const runBare = (count: number) =>
  bareCpu.note(count, () =>
    runClosedLoop(count, inFlight, async (index) => {
      await classifier.classify(photoAt(index), { topK: 5 })
    }),
  )

const servicePids = {
  worker: service.workerPid,
  gateway: service.gatewayPid,
  redis: service.redisPid,
  client: process.pid,
}
let serviceCpu = createCpuLedger(servicePids)
const loopP99sMs: number[] = []
const redisReplies: number[] = []
const runEndToEnd = async (count: number) => {
  const repliesBefore = await service.countRedisReplies()
  await service.readWorkerLoopP99Ms()
  const result = await serviceCpu.note(count, () =>
    runClosedLoop(count, inFlight, (index) => service.classify(photoAt(index))),
  )
  loopP99sMs.push(await service.readWorkerLoopP99Ms())
  redisReplies.push(((await service.countRedisReplies()) - repliesBefore) / count)
  return result
}

const log = (line: string): void => void process.stderr.write(`${line}\n`)
try {
  log(`densenet-121 stand-in, ${threads} threads, ${inFlight} in flight, ${imagesPerTurn} images per turn`)
  log(`warming up with ${warmUpRequests} broken and ${warmUpImages} real photos`)
  // A service has been up for a while; V8 compiles its hot paths only after thousands of requests, and at 30 a second
  // that would take minutes. Broken photos take every step but the inference.
  await runClosedLoop(warmUpRequests, 4 * inFlight, () => service.refuse())
  await runEndToEnd(warmUpImages)
  await runBare(warmUpImages)
  bareCpu = createCpuLedger({ bare: process.pid })
  serviceCpu = createCpuLedger(servicePids)

  const ratios: number[] = []
  const bareRates: number[] = []
  const endToEndRates: number[] = []
  const latenciesMs: number[] = []
  for (let pair = 0; pair < pairs; pair++) {
    // Every other pair the other way round: a machine that slows down steadily favours neither.
    const isBareFirst = pair % 2 === 0
    const first = isBareFirst ? await runBare(imagesPerTurn) : await runEndToEnd(imagesPerTurn)
    const second = isBareFirst ? await runEndToEnd(imagesPerTurn) : await runBare(imagesPerTurn)
    const [bare, endToEnd] = isBareFirst ? [first, second] : [second, first]
    const ratio = endToEnd.rate / bare.rate
    ratios.push(ratio)
    bareRates.push(bare.rate)
    endToEndRates.push(endToEnd.rate)
    latenciesMs.push(...endToEnd.latenciesMs)
    log(
      `pair ${pair + 1}/${pairs}: bare ${bare.rate.toFixed(2)}/s, end to end ${endToEnd.rate.toFixed(2)}/s, ratio ${ratio.toFixed(3)}`,
    )
  }
  console.log(
    JSON.stringify({
      bench: 'throughput',
      ratio: round(median(ratios), 3),
      ratio_min: round(Math.min(...ratios), 3),
      ratio_max: round(Math.max(...ratios), 3),
      end_to_end_ips: round(median(endToEndRates), 2),
      bare_ips: round(median(bareRates), 2),
      p50_ms: round(percentile(latenciesMs, 0.5), 1),
      p99_ms: round(percentile(latenciesMs, 0.99), 1),
      worker_loop_p99_ms: round(median(loopP99sMs), 2),
      redis_replies_per_job: round(median(redisReplies), 2),
      cpu_ms_per_image: { ...bareCpu.perImage(), ...serviceCpu.perImage() },
    }),
  )
} finally {
  await service.stop()
  await classifier.close()
}
