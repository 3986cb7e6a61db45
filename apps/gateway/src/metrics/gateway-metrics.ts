import type { ErrorCode } from '@menagerie/contract/errors'
import type { PredictJobData } from '@menagerie/contract/job'
import { createMetricsRegistry, DURATION_BUCKETS } from '@menagerie/shared/metrics-registry'
import { Counter, Gauge, Histogram } from 'prom-client'
import type { Sweep, SweepReport } from '../sweep.ts'
import { WAITER_KINDS, type WaiterKind } from '../waits.ts'
import { isDelivered, type Deliver, type DeliveryOutcome } from '../webhooks/deliver.ts'
import { createServiceGauges } from './service-gauges.ts'
import type { ServiceReader } from './service-reader.ts'

export interface AnsweredRequest {
  method: string
  /** The pattern of the route; undefined: there is none. */
  route: string | undefined
  status: number
  ms: number
  /** Null: the answer is no error. */
  code: ErrorCode | null
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'])
const SWEPT: Array<keyof SweepReport> = ['uploads', 'records', 'webhooks', 'deletions', 'batches']
const DELIVERY_OUTCOMES = ['delivered', 'refused', 'unanswered'] as const

const outcomeOf = ({ attempt }: DeliveryOutcome): (typeof DELIVERY_OUTCOMES)[number] => {
  if (isDelivered(attempt)) return 'delivered'
  return attempt.http_status === null ? 'unanswered' : 'refused'
}

/**
 * The metrics of one gateway (docs/metrics.md). Whatever happens here is a number in memory; only a scrape reads from
 * Redis. Labels are from closed lists: routes, codes, models that exist; nothing that a client or a tenant chooses.
 */
export const createGatewayMetrics = () => {
  const registry = createMetricsRegistry()
  const registers = [registry]
  const counter = <T extends string>(name: string, help: string, labelNames: T[]) =>
    new Counter({ name: `menagerie_${name}_total`, help, labelNames, registers })
  const histogram = <T extends string>(name: string, help: string, labelNames: T[]) =>
    new Histogram({
      name: `menagerie_${name}_seconds`,
      help,
      labelNames,
      buckets: DURATION_BUCKETS,
      registers,
    })

  const requests = counter('http_requests', 'Requests answered', ['method', 'route', 'status'])
  const requestTime = histogram('http_request', 'Time to the end of the answer, waiting included', [
    'method',
    'route',
  ])
  const errors = counter('http_errors', 'Answers that are an error', ['code'])
  const accepted = counter('predictions_accepted', 'Predictions accepted', ['model'])
  const uploadBytes = counter('upload_bytes', 'Bytes of the pictures of accepted predictions', ['model'])
  const deliveries = counter('webhook_deliveries', 'Attempts to deliver a webhook', ['outcome'])
  const deliveryTime = histogram('webhook_delivery', 'Time of one attempt to deliver a webhook', [])
  const sweeps = counter('sweeps', 'Searches for what a crash has left', ['outcome'])
  const swept = counter('swept', 'What sweeps have found', ['kind'])
  const waiters = new Gauge({
    name: 'menagerie_waiters',
    help: 'Clients that wait for a prediction at this gateway',
    labelNames: ['kind'],
    registers,
  })
  // What has not happened yet is 0, or the first time would be invisible to rate().
  for (const outcome of DELIVERY_OUTCOMES) deliveries.inc({ outcome }, 0)
  for (const outcome of ['completed', 'failed']) sweeps.inc({ outcome }, 0)
  for (const kind of SWEPT) swept.inc({ kind }, 0)
  const service = createServiceGauges(registry)

  return {
    contentType: registry.contentType,

    answered({ method, route = 'none', status, ms, code }: AnsweredRequest): void {
      const labels = { method: METHODS.has(method) ? method : 'OTHER', route }
      requests.inc({ ...labels, status: `${Math.floor(status / 100)}xx` })
      requestTime.observe(labels, ms / 1000)
      if (code !== null) errors.inc({ code })
    },

    accepted({ model, upload }: PredictJobData): void {
      accepted.inc({ model })
      uploadBytes.inc({ model }, upload.bytes)
    },

    countDeliveries:
      (deliver: Deliver): Deliver =>
      async (webhook) => {
        const outcome = await deliver(webhook)
        deliveries.inc({ outcome: outcomeOf(outcome) })
        deliveryTime.observe(outcome.attempt.duration_ms / 1000)
        return outcome
      },

    countSweeps:
      (sweep: Sweep): Sweep =>
      async (signal) => {
        try {
          const report = await sweep(signal)
          sweeps.inc({ outcome: 'completed' })
          for (const kind of SWEPT) swept.inc({ kind }, report[kind])
          return report
        } catch (error) {
          sweeps.inc({ outcome: 'failed' })
          throw error
        }
      },

    /** Everything, as Prometheus reads it. Never fails for want of Redis. */
    async render(
      readService: ServiceReader,
      countWaiters: () => Record<WaiterKind, number>,
    ): Promise<string> {
      service.set(await readService().catch(() => null))
      const counts = countWaiters()
      for (const kind of WAITER_KINDS) waiters.set({ kind }, counts[kind])
      return registry.metrics()
    },
  }
}
export type GatewayMetrics = ReturnType<typeof createGatewayMetrics>
