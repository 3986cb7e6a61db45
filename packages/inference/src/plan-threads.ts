export const INFERENCE_MODES = ['throughput', 'latency'] as const
export type InferenceMode = (typeof INFERENCE_MODES)[number]

/**
 * How many images a worker holds for its sessions, at least two. A spare one for every two sessions is decoded while
 * others are in the model. With more, one worker would take what an idle one could run, and would find the queue empty at
 * the end of each job: to wait for the next one costs a blocking read and two scripts, while one that is there already
 * comes with the reply to the last one's end.
 */
export const planConcurrency = (sessions: number): number => Math.max(2, Math.ceil(1.5 * sessions))

/**
 * How sessions share the cores. Together they have one thread per core: more would be catastrophic (four on two cores
 * gave 0.31 × of two), and a session with two threads gives 1.45 × one of them where two sessions give 1.98 ×.
 */
export const planThreads = (
  mode: InferenceMode,
  cores: number,
): { threads: number; intraOpThreads: number } =>
  mode === 'latency' ? { threads: 1, intraOpThreads: cores } : { threads: cores, intraOpThreads: 1 }
