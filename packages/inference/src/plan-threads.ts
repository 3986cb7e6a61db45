export const INFERENCE_MODES = ['throughput', 'latency'] as const
export type InferenceMode = (typeof INFERENCE_MODES)[number]

/**
 * How sessions share the cores. Together they have one thread per core: more would be catastrophic (four on two cores
 * gave 0.31 × of two), and a session with two threads gives 1.45 × one of them where two sessions give 1.98 ×.
 */
export const planThreads = (
  mode: InferenceMode,
  cores: number,
): { threads: number; intraOpThreads: number } =>
  mode === 'latency' ? { threads: 1, intraOpThreads: cores } : { threads: cores, intraOpThreads: 1 }
