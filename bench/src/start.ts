import { standInEnv } from '@menagerie/harness/processes'
import { startTestRedis } from '@menagerie/harness/redis'
import { readCpuBudget } from '@menagerie/inference/cpu-budget'
import { parseArgs } from 'node:util'
import { runClosedLoop } from './closed-loop.ts'
import { readPhotos } from './photos.ts'
import { readRestingRssBytes } from './rss.ts'
import { startService } from './service.ts'
import { median, round } from './statistics.ts'
import { timeStart, type StartTime } from './time-start.ts'

// How soon is a worker there, and does it grow? Start to ready several times, then the memory of one worker after the
// first thousand images and after many more.
const { values } = parseArgs({
  options: { starts: { type: 'string', default: '7' }, images: { type: 'string', default: '5000' } },
})
const FIRST_IMAGES = 1000
const RSS_GROWTH_MAX = 0.05
const BYTES_PER_MB = 1e6

const starts = Number(values.starts)
const images = Number(values.images)
if (!(starts >= 1 && images > FIRST_IMAGES)) {
  throw new Error(`--starts must be at least 1, --images more than ${FIRST_IMAGES}`)
}
const log = (line: string): void => void process.stderr.write(`${line}\n`)

// Every image is to be run, also one that was seen before.
const env = { ...(await standInEnv()), CACHE_TTL: '0' }

const timeStarts = async (): Promise<StartTime[]> => {
  const redis = await startTestRedis({ durable: true })
  try {
    const times: StartTime[] = []
    for (let i = 1; i <= starts; i++) {
      const time = await timeStart({ ...env, REDIS_URL: redis.url })
      log(
        `start ${i}/${starts}: ready after ${time.readyMs.toFixed(0)} ms, of which ${time.modelFoundMs.toFixed(0)} ms until the model was found`,
      )
      times.push(time)
    }
    return times
  } finally {
    await redis.stop()
  }
}

const measureGrowth = async (): Promise<{ first: number; last: number }> => {
  const threads = readCpuBudget()
  const photos = await readPhotos()
  const service = await startService({ ...env, INFERENCE_THREADS: String(threads) })
  let sent = 0
  const send = async (count: number): Promise<number> => {
    await runClosedLoop(count, 2 * threads, async () => {
      await service.classify(photos[sent++ % photos.length] ?? Buffer.alloc(0))
      if (sent % 500 === 0) log(`${sent}/${images} images`)
    })
    const bytes = await readRestingRssBytes(service.workerPid)
    log(`after ${sent} images: ${(bytes / BYTES_PER_MB).toFixed(1)} MB`)
    return bytes
  }
  try {
    return { first: await send(FIRST_IMAGES), last: await send(images - FIRST_IMAGES) }
  } finally {
    await service.stop()
  }
}

const readyMs = (await timeStarts()).map((time) => time.readyMs)
const { first, last } = await measureGrowth()
const growth = last / first - 1
console.log(
  JSON.stringify({
    bench: 'start',
    ready_ms: round(median(readyMs), 0),
    ready_ms_min: round(Math.min(...readyMs), 0),
    ready_ms_max: round(Math.max(...readyMs), 0),
    [`rss_${FIRST_IMAGES}_mb`]: round(first / BYTES_PER_MB, 1),
    [`rss_${images}_mb`]: round(last / BYTES_PER_MB, 1),
    rss_growth: round(growth, 4),
  }),
)
process.exitCode = growth > RSS_GROWTH_MAX ? 1 : 0
