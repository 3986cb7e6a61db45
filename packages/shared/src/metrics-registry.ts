import { collectDefaultMetrics, Registry } from 'prom-client'

/** Bounds of durations in seconds, from one round trip to Redis to a long wait in the queue. */
export const DURATION_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800,
]

// Gauges with the ending of a counter, which every linter of metrics complains of.
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** The metrics of one process: to begin with, what Node says of itself (memory, processor time, event loop, collections). */
export const createMetricsRegistry = (): Registry => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  return registry
}
