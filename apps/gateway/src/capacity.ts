import type { WorkerHeartbeat } from '@menagerie/contract/registry'
import type { WorkerRegistry } from '@menagerie/shared/worker-registry'
import { guardRedis } from './guard-redis.ts'
import { rememberEach } from './remember-each.ts'

export interface Capacity {
  /** All with a fresh heartbeat, ready or not. */
  workers: WorkerHeartbeat[]
  workersReady: number
  /** Predictions per ms that the ready workers do together; 0 when there is none. */
  rate: number
}

const REMEMBERED_MS = 1000

const sumUp = (workers: WorkerHeartbeat[]): Capacity => {
  const ready = workers.filter(({ state }) => state === 'ready')
  return {
    workers,
    workersReady: ready.length,
    rate: ready.reduce((sum, { threads, service_ms }) => sum + threads / Math.max(service_ms, 0.1), 0),
  }
}

/** Asks the workers' heartbeats what they can do together; remembered for 1 s per model. */
export const createCapacityReader = (deps: { registry: WorkerRegistry }) =>
  rememberEach((model) => guardRedis(() => deps.registry.listWorkers(model)).then(sumUp), {
    forMs: REMEMBERED_MS,
  })
export type CapacityReader = ReturnType<typeof createCapacityReader>

/** How long a job waits that has `position` others before it, in whole ms; null when nobody works. */
export const estimateWaitMs = (position: number, capacity: Capacity): number | null =>
  capacity.rate === 0 ? null : Math.round(position / capacity.rate)
