import { predictQueueName } from '@menagerie/contract/job'
import { sendSpan } from '@menagerie/tracing/message-span'
import { runSpan } from '@menagerie/tracing/run-span'
import type { Tracer } from '@menagerie/tracing/tracer'
import { guardRedis } from '../guard-redis.ts'
import type { JobQueue } from '../job-queue.ts'
import type { BatchData, PlannedJob } from './batch-record.ts'
import type { BatchStore } from './batch-store.ts'

/** A thousand at once would hold everybody else up; one after the other would take a second. */
const SLICE = 50

/**
 * Puts the jobs of a batch into the queue, and marks it as accepted. What is there already stays as it is, so whoever
 * finds a batch half done may do it again: a repetition of its request, or the sweeper.
 *
 * @throws AppError `queue_unavailable`, `queue_full`
 */
export const createFinishBatch = (deps: {
  store: BatchStore
  queue: Pick<JobQueue, 'add' | 'addBatchWatch'>
  tracer: Tracer
}) => {
  const addAll = async (jobs: PlannedJob[]): Promise<void> => {
    for (let from = 0; from < jobs.length; from += SLICE) {
      const slice = jobs.slice(from, from + SLICE)
      const added = await Promise.allSettled(slice.map((job) => deps.queue.add(job.id, job.data, null)))
      // Only when none of them is on its way any more.
      for (const result of added) if (result.status === 'rejected') throw result.reason
    }
  }

  return async (id: string, data: BatchData, jobs: PlannedJob[]): Promise<void> => {
    const attributes = { 'messaging.batch.message_count': jobs.length, 'menagerie.model': data.model }
    const span = sendSpan({
      queue: predictQueueName(data.model),
      jobId: undefined,
      parent: data.trace,
      attributes,
    })
    await runSpan(deps.tracer, ...span, () => addAll(jobs))
    if (data.webhook !== null) {
      await guardRedis(() =>
        deps.queue.addBatchWatch({ v: data.v, batch_id: id, submission_id: data.submission_id }),
      )
    }
    await guardRedis(() => deps.store.markAccepted(id))
  }
}
export type FinishBatch = ReturnType<typeof createFinishBatch>
