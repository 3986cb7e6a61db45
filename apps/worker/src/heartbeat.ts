import type { RegisteredModel, WorkerHeartbeat } from '@menagerie/contract/registry'
import { HEARTBEAT_INTERVAL_MS, type WorkerRegistry } from '@menagerie/shared/worker-registry'
import type { Logger } from 'pino'
import { reportedState, type Health } from './probe-server.ts'

export interface Heartbeat {
  /** Notes one served prediction, for the average that waiting times are estimated with. */
  served(serviceMs: number): void
  /** Tells the registry now, e.g. after a change of state. */
  beat(): Promise<void>
  stop(): Promise<void>
}

// One slow image must not make the queue look slow: about the last twenty count.
const AVERAGE_WEIGHT = 0.1

/** Keeps this worker's entry in the registry fresh until it is stopped. */
export const startHeartbeat = (
  deps: { registry: WorkerRegistry; health: Health; log: Logger },
  worker: { id: string; model: RegisteredModel; threads: number; serviceMs: number },
): Heartbeat => {
  const startedAt = new Date().toISOString()
  let serviceMs = worker.serviceMs
  let jobs = 0
  let isRegistered = false

  const describe = (): WorkerHeartbeat => ({
    id: worker.id,
    model: worker.model.name,
    digest: worker.model.digest,
    state: reportedState(deps.health),
    threads: worker.threads,
    service_ms: Math.round(serviceMs * 100) / 100,
    rss_bytes: process.memoryUsage.rss(),
    jobs,
    started_at: startedAt,
  })
  const beat = async (): Promise<void> => {
    try {
      const names = await deps.registry.listModelNames()
      // At the start, and again when Redis came back empty; not at each beat, since its labels are 35 kB.
      if (!isRegistered || !names.includes(worker.model.name)) await deps.registry.registerModel(worker.model)
      isRegistered = true
      await deps.registry.beat(describe())
    } catch (err) {
      deps.log.debug({ err }, 'heartbeat failed')
    }
  }
  const timer = setInterval(() => void beat(), HEARTBEAT_INTERVAL_MS)

  return {
    served(ms) {
      serviceMs += (ms - serviceMs) * AVERAGE_WEIGHT
      jobs += 1
    },
    beat,
    async stop() {
      clearInterval(timer)
      // If this fails, the entry expires by itself.
      await deps.registry.leave({ id: worker.id, model: worker.model.name }).catch(() => undefined)
    },
  }
}
