import { testModelEnv } from '@menagerie/harness/processes'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runClosedLoop } from './closed-loop.ts'
import { readPhotos } from './photos.ts'
import { readRestingRssBytes } from './rss.ts'
import { startService } from './service.ts'
import { median, round } from './statistics.ts'

// What a malloc of its own is worth to a worker: the memory it holds when it rests, after the same photos with the system's
// malloc and with another one that is preloaded, in turns.
const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '600' },
    pairs: { type: 'string', default: '3' },
    /** The library; by default Debian's jemalloc (package libjemalloc2). */
    library: { type: 'string' },
  },
})
const THREADS = 2
const BYTES_PER_MB = 1e6

const findJemalloc = (): string | undefined =>
  readdirSync('/usr/lib')
    .map((folder) => join('/usr/lib', folder, 'libjemalloc.so.2'))
    .find(existsSync)

const library = values.library ?? findJemalloc()
if (library === undefined)
  throw new Error('no jemalloc here: install libjemalloc2, or name one with --library')

const images = Number(values.images)
const photos = await readPhotos()
const env = { ...(await testModelEnv()), CACHE_TTL: '0', INFERENCE_THREADS: String(THREADS) }

const measure = async (preload: string): Promise<{ mb: number; ips: number }> => {
  const service = await startService({ ...env, LD_PRELOAD: preload })
  try {
    let sent = 0
    const { rate } = await runClosedLoop(images, 2 * THREADS, () =>
      service.classify(photos[sent++ % photos.length] ?? Buffer.alloc(0)),
    )
    const mb = (await readRestingRssBytes(service.workerPid)) / BYTES_PER_MB
    process.stderr.write(
      `${preload || "the system's malloc"}: ${mb.toFixed(1)} MB, ${rate.toFixed(1)} images/s\n`,
    )
    return { mb, ips: rate }
  } finally {
    await service.stop()
  }
}

const ratios: { memory: number; speed: number }[] = []
for (let pair = 0; pair < Number(values.pairs); pair++) {
  const system = await measure('')
  const other = await measure(library)
  ratios.push({ memory: other.mb / system.mb, speed: other.ips / system.ips })
}
console.log(
  JSON.stringify({
    bench: 'malloc',
    images,
    memory_ratio: round(median(ratios.map(({ memory }) => memory)), 3),
    speed_ratio: round(median(ratios.map(({ speed }) => speed)), 3),
    memory_ratios: ratios.map(({ memory }) => round(memory, 3)),
  }),
)
