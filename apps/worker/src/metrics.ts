import { parseFailedReason, type ErrorCode } from '@menagerie/contract/errors'
import type { PredictReturnValue } from '@menagerie/contract/job'
import { WORKER_STATES } from '@menagerie/contract/registry'
import { createMetricsRegistry, DURATION_BUCKETS } from '@menagerie/shared/metrics-registry'
import type { Job, Worker } from 'bullmq'
import { Counter, Gauge, Histogram } from 'prom-client'
import { reportedState, type Health } from './probe-server.ts'
import type { ProcessJob } from './process-job.ts'

/** Why a prediction may end without a result. Any other code is counted as `internal_error`. */
const FAILURE_REASONS = [
  'image_type_unsupported',
  'image_undecodable',
  'image_too_large',
  'decode_timeout',
  'prediction_canceled',
  'prediction_expired',
  'upload_expired',
  'upload_store_unavailable',
  'payload_invalid',
  'inference_failed',
  'worker_lost',
  'internal_error',
] as const satisfies ErrorCode[]

const reasonOf = (error: Error) => {
  const { code } = parseFailedReason(error.message)
  return FAILURE_REASONS.find((reason) => reason === code) ?? 'internal_error'
}

const secondsBetween = (from: number, to: number | undefined): number =>
  // By the clocks of two machines, of which one may be a little ahead.
  Math.max(0, (to ?? from) - from) / 1000

/** The metrics of one worker (docs/metrics.md). They are numbers in memory, so that a scrape reads nothing. */
export const createWorkerMetrics = (options: {
  model: string
  health: Pick<Health, 'state' | 'isStoreAway'>
}) => {
  const { model, health } = options
  const registry = createMetricsRegistry()
  const registers = [registry]
  const labelNames = ['model'] as const
  const counter = (name: string, help: string) =>
    new Counter({ name: `menagerie_${name}_total`, help, labelNames, registers })
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `menagerie_${name}`, help, labelNames, registers })
  const histogram = (name: string, help: string) => {
    const made = new Histogram({
      name: `menagerie_${name}_seconds`,
      help,
      labelNames,
      buckets: DURATION_BUCKETS,
      registers,
    })
    made.zero({ model })
    return made
  }

  const succeeded = counter('predictions_succeeded', 'Predictions with a result')
  const failed = new Counter({
    name: 'menagerie_predictions_failed_total',
    help: 'Predictions that ended without a result',
    labelNames: ['model', 'reason'],
    registers,
  })
  const images = counter('images', 'Pictures that were in the model')
  const hits = counter('cache_hits', 'Results that were known and not computed')
  const misses = counter('cache_misses', 'Results that were computed')
  const stalled = counter('jobs_stalled', 'Jobs that were taken from a worker that died')
  const queueTime = histogram('queue', 'From acceptance to the start of the last run, of what succeeded')
  const preprocessTime = histogram('preprocess', 'To decode and scale a picture')
  const predictTime = histogram('predict', 'In the model')
  const totalTime = histogram('total', 'From acceptance to the result')
  const active = gauge('jobs_active', 'Jobs in the hands of this worker')
  const threads = gauge('worker_threads', 'Predictions that this worker runs at the same time')
  const store = gauge('upload_store_up', '0 while this worker waits for the store of the pictures, else 1')
  const info = new Gauge({
    name: 'menagerie_model_info',
    help: 'Always 1; what this worker serves',
    labelNames: ['model', 'digest', 'trained'],
    registers,
  })
  const state = new Gauge({
    name: 'menagerie_worker_state',
    help: '1 for the state that this worker is in, 0 for the others',
    labelNames: ['model', 'state'],
    registers,
  })
  // What has not happened yet is 0, or the first time would be invisible to rate().
  for (const zero of [succeeded, images, hits, misses, stalled]) zero.inc({ model }, 0)
  for (const reason of FAILURE_REASONS) failed.inc({ model, reason }, 0)
  active.set({ model }, 0)

  const countSuccess = (job: Job): void => {
    const { cache, preprocess_ms, predict_ms } = job.returnvalue as PredictReturnValue
    succeeded.inc({ model })
    if (cache === 'hit') hits.inc({ model })
    else misses.inc({ model })
    queueTime.observe({ model }, secondsBetween(job.timestamp, job.processedOn))
    totalTime.observe({ model }, secondsBetween(job.timestamp, job.finishedOn))
    if (preprocess_ms !== null) preprocessTime.observe({ model }, preprocess_ms / 1000)
    if (predict_ms !== null) predictTime.observe({ model }, predict_ms / 1000)
  }

  return {
    contentType: registry.contentType,

    /** Once it is known what this worker serves. */
    serves(served: { digest: string; trained: boolean; threads: number }): void {
      info.set({ model, digest: served.digest, trained: String(served.trained) }, 1)
      threads.set({ model }, served.threads)
    },

    /** A picture has been in the model. */
    ran: (): void => images.inc({ model }),

    countActive:
      (process: ProcessJob): ProcessJob =>
      async (job, token, signal) => {
        active.inc({ model })
        try {
          return await process(job, token, signal)
        } finally {
          active.dec({ model })
        }
      },

    /** Counts the ends of the jobs of this consumer. */
    follow(worker: Worker): void {
      worker.on('completed', countSuccess)
      worker.on('failed', (job, error) => {
        // Otherwise it is tried again.
        if (job?.finishedOn !== undefined) failed.inc({ model, reason: reasonOf(error) })
      })
      worker.on('stalled', () => stalled.inc({ model }))
    },

    /** Everything, as Prometheus reads it. */
    render(): Promise<string> {
      const current = reportedState(health)
      for (const name of WORKER_STATES) state.set({ model, state: name }, name === current ? 1 : 0)
      store.set({ model }, health.isStoreAway() ? 0 : 1)
      return registry.metrics()
    },
  }
}
export type WorkerMetrics = ReturnType<typeof createWorkerMetrics>
