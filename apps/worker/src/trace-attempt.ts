import { parseFailedReason, type ErrorCode } from '@menagerie/contract/errors'
import type { PredictReturnValue } from '@menagerie/contract/job'
import type { Classification } from '@menagerie/inference/classifier'
import { coerceError } from '@menagerie/shared/coerce-error'
import { predictionAttributes, processSpan } from '@menagerie/tracing/message-span'
import { readJobTrace } from '@menagerie/tracing/trace-context'
import type { Span, Tracer } from '@menagerie/tracing/tracer'
import { DelayedError, WaitingError, type Job } from 'bullmq'

// As somebody asked for it: not a failure of anything.
const WANTED: ReadonlySet<ErrorCode> = new Set(['prediction_canceled', 'prediction_expired'])

const noteFailure = (span: Span, thrown: unknown): void => {
  if (thrown instanceof WaitingError) return span.set({ 'menagerie.outcome': 'handed_back' })
  if (thrown instanceof DelayedError) return span.set({ 'menagerie.outcome': 'delayed' })
  const { code } = parseFailedReason(coerceError(thrown).message)
  span.set({ 'menagerie.outcome': code })
  if (!WANTED.has(code)) span.fail(code)
  return undefined
}

/** Runs an attempt in a span of its own, in the course of what put the job into the queue. */
export const traceAttempt = async (
  tracer: Tracer,
  job: Job,
  attempt: (span: Span) => Promise<PredictReturnValue>,
): Promise<PredictReturnValue> => {
  const [name, options] = processSpan({
    queue: job.queueName,
    jobId: job.id,
    parent: readJobTrace(job.data),
    attributes: {
      ...predictionAttributes(job.id ?? '', String((job.data as { model?: unknown } | null)?.model)),
      'menagerie.attempt': job.attemptsStarted,
    },
  })
  const span = tracer.start(name, options)
  try {
    const result = await attempt(span)
    span.set({
      'menagerie.cache': result.cache,
      'menagerie.worker': result.worker,
      'menagerie.outcome': 'succeeded',
    })
    return result
  } catch (thrown) {
    noteFailure(span, thrown)
    throw thrown
  } finally {
    span.end()
  }
}

/** What took its time in a run. Between the two it waited for a thread. */
export const traceRun = (
  tracer: Tracer,
  { context: parent }: Span,
  run: { startedAt: number; endedAt: number } & Pick<Classification, 'preprocessMs' | 'predictMs'>,
): void => {
  const { startedAt, endedAt } = run
  tracer.start('preprocess', { parent, startedAt }).end(startedAt + run.preprocessMs)
  tracer.start('predict', { parent, startedAt: endedAt - run.predictMs }).end(endedAt)
}
