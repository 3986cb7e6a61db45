import { standInEnv } from '@menagerie/harness/processes'
import { readCpuBudget } from '@menagerie/inference/cpu-budget'
import { parseArgs } from 'node:util'
import { runClosedLoop } from './closed-loop.ts'
import { readPhotos } from './photos.ts'
import { startService } from './service.ts'
import { median, round } from './statistics.ts'

// What is a known picture worth? Photos that nobody has sent before go through `POST /`, then the same ones again and
// again; in turns, so that a noisy machine disturbs both alike.
const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '7' },
    images: { type: 'string', default: '60' },
    repeats: { type: 'string', default: '20' },
    'warm-up': { type: 'string', default: '3000' },
  },
})
const pairs = Number(values.pairs)
const imagesPerTurn = Number(values.images)
const repeats = Number(values.repeats)
const warmUpRequests = Number(values['warm-up'])

const threads = readCpuBudget()
// Enough that nobody waits for a client: what limits a known picture is not the model but the round trips.
const inFlight = 8 * threads
const photos = await readPhotos()

let made = 0
/** Photos with bytes that the service has never seen: what follows the end of a JPEG is ignored by its decoder. */
const makeNewPhotos = (): Buffer[] =>
  Array.from({ length: imagesPerTurn }, () => {
    const photo = photos[made % photos.length] ?? Buffer.alloc(0)
    return Buffer.concat([photo, Buffer.from(`#${made++}`)])
  })

const service = await startService({ ...(await standInEnv()), INFERENCE_THREADS: String(threads) })
const run = async (turn: Buffer[], times: number): Promise<number> => {
  const classify = (index: number) => service.classify(turn[index % turn.length] ?? Buffer.alloc(0))
  return (await runClosedLoop(turn.length * times, inFlight, classify)).rate
}

const log = (line: string): void => void process.stderr.write(`${line}\n`)
try {
  log(`densenet-121 stand-in, ${threads} threads, ${inFlight} in flight`)
  const known = makeNewPhotos()
  await run(known, 1)
  await run(known, Math.ceil(warmUpRequests / known.length))

  const ratios: number[] = []
  const firstRates: number[] = []
  const repeatRates: number[] = []
  for (let pair = 0; pair < pairs; pair++) {
    const turn = makeNewPhotos()
    const firstRate = await run(turn, 1)
    const repeatRate = await run(turn, repeats)
    firstRates.push(firstRate)
    repeatRates.push(repeatRate)
    ratios.push(repeatRate / firstRate)
    log(
      `pair ${pair + 1}/${pairs}: first ${firstRate.toFixed(1)}/s, repeat ${repeatRate.toFixed(1)}/s, ratio ${(repeatRate / firstRate).toFixed(1)}`,
    )
  }
  console.log(
    JSON.stringify({
      bench: 'cache',
      ratio: round(median(ratios), 1),
      ratio_min: round(Math.min(...ratios), 1),
      ratio_max: round(Math.max(...ratios), 1),
      first_ips: round(median(firstRates), 2),
      repeat_ips: round(median(repeatRates), 1),
    }),
  )
} finally {
  await service.stop()
}
