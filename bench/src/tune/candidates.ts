import { planConcurrency, planThreads, type InferenceMode } from '@menagerie/inference/plan-threads'

/** One way to share the cores, as the worker's settings say it. */
export interface Layout {
  mode: InferenceMode
  /** `INFERENCE_THREADS` */
  cores: number
  /** Sessions. */
  threads: number
  intraOpThreads: number
  /** The values of `JOB_CONCURRENCY` to try. */
  concurrencies: number[]
}

const keepDifferent = (values: number[], min: number): number[] =>
  [...new Set(values)].filter((value) => value >= min).toSorted((a, b) => a - b)

/**
 * What is worth trying with a budget of cores: all of them; all but one, which is then left to decodes and to the
 * rest of the machine; and half, for where two "cores" share one arithmetic unit. Never more threads than cores.
 */
export const planLayouts = (budget: number): Layout[] => {
  const shares = [Math.ceil(budget / 2), budget - 1, budget]
  const plan = (mode: InferenceMode, cores: number): Layout => {
    const { threads, intraOpThreads } = planThreads(mode, cores)
    const jobs = [threads, planConcurrency(threads), Math.max(3, 2 * threads)]
    return { mode, cores, threads, intraOpThreads, concurrencies: keepDifferent(jobs, 1) }
  }
  return [
    ...keepDifferent(shares, 1).map((cores) => plan('throughput', cores)),
    // One session on one core is the same in both modes.
    ...keepDifferent(shares, 2).map((cores) => plan('latency', cores)),
  ]
}
