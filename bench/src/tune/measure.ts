import { createClassifier } from '@menagerie/inference/classifier'
import type { ResolvedModel } from '@menagerie/model-files/resolve-model'
import { runClosedLoopFor } from '../closed-loop.ts'
import { median, percentile } from '../statistics.ts'
import type { Layout } from './candidates.ts'
import type { Measured } from './report.ts'

// The layouts take turns several times, every other time in the opposite order, so that what else the machine does
// disturbs all alike.
const ROUNDS = 3

interface MeasureOptions {
  model: ResolvedModel
  photos: Buffer[]
  /** For each candidate, spread over the rounds. */
  timeMs: number
  onProgress: (progress: { done: number; total: number }) => void
}

interface Runs {
  rates: number[]
  latenciesMs: number[]
}

/** How many images are in flight in the runs of a layout; 1 is how it answers alone. */
const listInFlight = (layout: Layout): number[] => [...new Set([1, ...layout.concurrencies])]

const runLayout = async (
  layout: Layout,
  { model, photos, timeMs }: MeasureOptions,
  onRun: (inFlight: number, rate: number, latenciesMs: number[]) => void,
): Promise<void> => {
  const classifier = await createClassifier({
    modelPath: model.path,
    input: model.manifest.input,
    threads: layout.threads,
    intraOpThreads: layout.intraOpThreads,
  })
  const classify = async (index: number): Promise<void> => {
    await classifier.classify(photos[index % photos.length] ?? Buffer.alloc(0), { topK: 5 })
  }
  try {
    for (const inFlight of listInFlight(layout)) {
      const { rate, latenciesMs } = await runClosedLoopFor(timeMs / ROUNDS, inFlight, classify)
      onRun(inFlight, rate, latenciesMs)
    }
  } finally {
    await classifier.close()
  }
}

const summarize = (layout: Layout, runs: Map<number, Runs>): Measured[] =>
  layout.concurrencies.map((concurrency) => ({
    layout,
    concurrency,
    rate: median(runs.get(concurrency)?.rates ?? []),
    p50Ms: percentile(runs.get(concurrency)?.latenciesMs ?? [], 0.5),
    p99Ms: percentile(runs.get(concurrency)?.latenciesMs ?? [], 0.99),
    aloneMs: percentile(runs.get(1)?.latenciesMs ?? [], 0.5),
  }))

/** Runs every layout with each of its concurrencies, and with one image at a time. */
export const measureLayouts = async (layouts: Layout[], options: MeasureOptions): Promise<Measured[]> => {
  const total = ROUNDS * layouts.flatMap(listInFlight).length
  const collected = new Map<Layout, Map<number, Runs>>(layouts.map((layout) => [layout, new Map()]))
  let done = 0
  for (let round = 0; round < ROUNDS; round++) {
    for (const layout of round % 2 === 0 ? layouts : layouts.toReversed()) {
      await runLayout(layout, options, (inFlight, rate, latenciesMs) => {
        const runs = collected.get(layout)
        const before = runs?.get(inFlight) ?? { rates: [], latenciesMs: [] }
        runs?.set(inFlight, {
          rates: [...before.rates, rate],
          latenciesMs: [...before.latenciesMs, ...latenciesMs],
        })
        options.onProgress({ done: ++done, total })
      })
    }
  }
  return layouts.flatMap((layout) => summarize(layout, collected.get(layout) ?? new Map()))
}
