import Type, { type Static } from 'typebox'
import { WorkerHeartbeat } from './registry.ts'

/** Where the jobs of a queue can be, as BullMQ calls it. */
export const JOB_STATES = ['waiting', 'prioritized', 'delayed', 'active', 'completed', 'failed'] as const
export type JobState = (typeof JOB_STATES)[number]

const Count = (description: string, example: number) =>
  Type.Integer({ minimum: 0, description, examples: [example] })

const { id, state, threads, service_ms, jobs, rss_bytes, digest, started_at } = WorkerHeartbeat.properties

const WORKER_EXAMPLE = {
  id: '5c1f0b6a2d3e-1f0c9a7b',
  state: 'ready',
  threads: 2,
  service_ms: 66.2,
  jobs: 18204,
  rss_bytes: 412000000,
  digest: 'sha256:2f1c1f3c0a7f4b0e9d7a6c5b4e3d2c1b0a99887766554433221100ffeeddccbb',
  started_at: '2026-11-20T08:00:00.000Z',
}

/** The queue of a model, and who works on it: what an autoscaler goes by. */
export const QueueView = Type.Object({
  model: Type.String({ examples: ['densenet-121'] }),
  depth: Count('waiting + prioritized + delayed + active: what is still to be done', 43),
  counts: Type.Object({
    waiting: Count('Taken back from a worker that died: run next', 0),
    prioritized: Count('In line', 40),
    delayed: Count('To be tried again in a moment', 0),
    active: Count('In the hands of a worker', 3),
    completed: Count('Succeeded, and still to be read', 1200),
    failed: Count('Failed, canceled or expired, and still kept', 2),
  }),
  oldest_age_ms: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
    description: 'How long the oldest of the next 100 in line has waited; null when nobody waits',
    examples: [1320],
  }),
  capacity_per_second: Type.Number({
    minimum: 0,
    description: 'Predictions a second that the ready workers do together',
    examples: [30.21],
  }),
  estimated_wait_ms: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
    description: 'How long one more would wait at the end of the line; null when no worker is ready',
    examples: [1324],
  }),
  workers: Type.Array(
    Type.Object(
      { id, state, threads, service_ms, jobs, rss_bytes, digest, started_at },
      { examples: [WORKER_EXAMPLE] },
    ),
    { description: 'Whose last sign of life is at most 15 s old' },
  ),
})
export type QueueView = Static<typeof QueueView>
