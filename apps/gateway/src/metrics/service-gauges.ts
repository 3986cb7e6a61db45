import { WORKER_STATES } from '@menagerie/contract/registry'
import { JOB_STATES, type QueueView } from '@menagerie/contract/queue'
import { DURATION_BUCKETS } from '@menagerie/shared/metrics-registry'
import { Gauge, Histogram, type Registry } from 'prom-client'
import type { ServiceReading } from './service-reader.ts'

/**
 * What Redis knows, as gauges. They are the numbers of `/v1/queues`, and the same at every gateway: take the `max` over
 * gateways, not the sum.
 */
export const createServiceGauges = (registry: Registry) => {
  const registers = [registry]
  const gauge = <T extends string>(name: string, help: string, labelNames: T[]) =>
    new Gauge({ name: `menagerie_${name}`, help, labelNames, registers })

  const up = gauge('redis_up', '1: Redis answered this scrape', [])
  const roundTrip = new Histogram({
    name: 'menagerie_redis_round_trip_seconds',
    help: 'Time of one small command to Redis, once per scrape',
    buckets: DURATION_BUCKETS,
    registers,
  })
  const memory = gauge('redis_memory_ratio', 'How much of the memory that Redis may use is in use', [])
  const depth = gauge('queue_depth', 'Predictions still to be done', ['model'])
  const jobs = gauge('queue_jobs', 'Predictions by where BullMQ has them', ['model', 'state'])
  const oldestAge = gauge('queue_oldest_age_seconds', 'How long the oldest in line has waited', ['model'])
  const capacity = gauge('queue_capacity_per_second', 'Predictions that the ready workers do together', [
    'model',
  ])
  const wait = gauge('queue_estimated_wait_seconds', 'How long one more would wait', ['model'])
  const workers = gauge('workers', 'Workers with a fresh heartbeat', ['model', 'state'])
  const deadLetters = gauge('dead_letters', 'Predictions that failed and may be replayed', ['model'])
  const webhookDeadLetters = gauge('webhook_dead_letters', 'Webhooks that were given up', [])

  let observed: ServiceReading | null = null
  const setQueue = (queue: QueueView): void => {
    const { model } = queue
    depth.set({ model }, queue.depth)
    for (const state of JOB_STATES) jobs.set({ model, state }, queue.counts[state])
    oldestAge.set({ model }, (queue.oldest_age_ms ?? 0) / 1000)
    capacity.set({ model }, queue.capacity_per_second)
    if (queue.estimated_wait_ms !== null) wait.set({ model }, queue.estimated_wait_ms / 1000)
    for (const state of WORKER_STATES) {
      workers.set({ model, state }, queue.workers.filter((worker) => worker.state === state).length)
    }
  }

  return {
    /** @param reading null: Redis could not be read, so that nothing is known. */
    set(reading: ServiceReading | null): void {
      for (const stale of [depth, jobs, oldestAge, capacity, wait, workers, deadLetters]) stale.reset()
      memory.remove()
      webhookDeadLetters.remove()
      up.set(reading === null ? 0 : 1)
      if (reading === null) return
      // Two scrapes in one second may share a reading.
      if (reading !== observed) roundTrip.observe(reading.roundTripMs / 1000)
      observed = reading
      memory.set(reading.memoryShare)
      webhookDeadLetters.set(reading.webhookDeadLetters)
      for (const { model, count } of reading.deadLetters) deadLetters.set({ model }, count)
      for (const queue of reading.queues) setQueue(queue)
    },
  }
}
