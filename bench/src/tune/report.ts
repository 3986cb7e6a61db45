import { round } from '../statistics.ts'
import type { Layout } from './candidates.ts'

export interface Measured {
  layout: Layout
  concurrency: number
  /** Images per second. */
  rate: number
  p50Ms: number
  p99Ms: number
  /** Median latency of one image at a time. */
  aloneMs: number
}

// Less is within the noise of a quiet machine.
const NOISE = 0.02

const keepBest = (measured: Measured[], costOf: (one: Measured) => number): Measured[] => {
  const best = Math.min(...measured.map(costOf))
  return measured.filter((one) => costOf(one) <= best * (1 + NOISE))
}

const pick = (measured: Measured[], ...costs: ((one: Measured) => number)[]): Measured => {
  const [best] = costs.reduce(keepBest, measured)
  if (best === undefined) throw new Error('nothing was measured')
  return best
}

const costOfRate = ({ rate }: Measured): number => 1 / rate

/** Most images per second; of equals, the one that answers soonest under that load. */
export const pickForThroughput = (measured: Measured[]): Measured =>
  pick(measured, costOfRate, ({ p50Ms }) => p50Ms)

/** The soonest answer to an image alone; of equals, the one with the most images per second. */
export const pickForLatency = (measured: Measured[]): Measured =>
  pick(
    measured,
    ({ aloneMs }) => aloneMs,
    costOfRate,
    ({ p50Ms }) => p50Ms,
  )

/** The worker's settings, to be put before a command. */
export const formatEnv = ({ layout, concurrency }: Measured): string =>
  `INFERENCE_MODE=${layout.mode} INFERENCE_THREADS=${layout.cores} JOB_CONCURRENCY=${concurrency}`

const COLUMNS: [title: string, cell: (one: Measured) => string | number][] = [
  ['sessions', ({ layout }) => layout.threads],
  ['threads each', ({ layout }) => layout.intraOpThreads],
  ['concurrency', ({ concurrency }) => concurrency],
  ['images/s', ({ rate }) => rate.toFixed(1)],
  ['p50 ms', ({ p50Ms }) => p50Ms.toFixed(0)],
  ['p99 ms', ({ p99Ms }) => p99Ms.toFixed(0)],
  ['alone ms', ({ aloneMs }) => aloneMs.toFixed(0)],
]

export const formatTable = (measured: Measured[]): string =>
  [COLUMNS.map(([title]) => title), ...measured.map((one) => COLUMNS.map(([, cell]) => String(cell(one))))]
    .map((cells) => cells.map((cell, i) => cell.padStart(COLUMNS[i]?.[0].length ?? 0)).join('  '))
    .join('\n')

export const formatBest = (measured: Measured[]): string => {
  const [most, soonest] = [pickForThroughput(measured), pickForLatency(measured)]
  return [
    `# throughput: ${most.rate.toFixed(1)} images/s, p50 ${most.p50Ms.toFixed(0)} ms`,
    formatEnv(most),
    `# latency: ${soonest.aloneMs.toFixed(0)} ms alone, ${soonest.rate.toFixed(1)} images/s`,
    formatEnv(soonest),
  ].join('\n')
}

/** The form in which a candidate appears in JSON. */
export const describe = (one: Measured) => ({
  mode: one.layout.mode,
  sessions: one.layout.threads,
  threads: one.layout.intraOpThreads,
  concurrency: one.concurrency,
  images_per_s: round(one.rate, 2),
  p50_ms: round(one.p50Ms, 1),
  p99_ms: round(one.p99Ms, 1),
  alone_ms: round(one.aloneMs, 1),
  env: formatEnv(one),
})
