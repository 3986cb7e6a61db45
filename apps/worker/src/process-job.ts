import { AppError } from '@menagerie/contract/errors'
import {
  PAYLOAD_VERSION,
  PayloadEnvelope,
  PredictJobData,
  type PredictReturnValue,
} from '@menagerie/contract/job'
import type { Classifier } from '@menagerie/inference/classifier'
import { DelayedError, WaitingError, type Job } from 'bullmq'
import type { Logger } from 'pino'
import { Compile } from 'typebox/compile'
import { toJobError } from './failure.ts'
import { startJob, type JobStartDeps } from './job-start.ts'

export interface ProcessJobDeps extends JobStartDeps {
  classifier: Classifier
  worker: { id: string; digest: string; trained: boolean }
  onServed: (serviceMs: number) => void
  log: Logger
}

/** Processor of a `predict.*` queue. */
export type ProcessJob = (job: Job, token?: string, signal?: AbortSignal) => Promise<PredictReturnValue>

/** Reason with which running jobs are aborted when this worker gives them back to the others. */
export const HAND_BACK = 'hand back'

const envelope = Compile(PayloadEnvelope)
const jobData = Compile(PredictJobData)
const NEWER_PAYLOAD_DELAY_MS = 30_000
const DIGITS = 100

const roundMs = (ms: number): number => Math.round(ms * DIGITS) / DIGITS

/** A payload of a newer gateway waits for a newer worker: it is delayed, never failed. */
const delayNewerPayload = async (job: Job, token: string | undefined): Promise<void> => {
  const { data }: { data: unknown } = job
  if (!envelope.Check(data) || data.v <= PAYLOAD_VERSION) return
  await job.moveToDelayed(Date.now() + NEWER_PAYLOAD_DELAY_MS, token)
  throw new DelayedError()
}

const parseData = (job: Job): PredictJobData => {
  const { data }: { data: unknown } = job
  if (jobData.Check(data)) return data
  throw new AppError('payload_invalid', 'the job does not have the form of a prediction')
}

/**
 * Runs one attempt of a prediction. BullMQ passes the signal only to a function that declares three parameters.
 */
export const createProcessJob = (deps: ProcessJobDeps): ProcessJob => {
  const predict = async (job: Job, signal: AbortSignal | undefined): Promise<PredictReturnValue> => {
    const data = parseData(job)
    const bytes = await startJob(deps, job, data)
    signal?.throwIfAborted()
    const { topK, confident, preprocessMs, predictMs } = await deps.classifier.classify(bytes, {
      topK: data.top_k,
      signal,
    })
    deps.onServed(preprocessMs + predictMs)
    return {
      top_k: topK,
      confident,
      preprocess_ms: roundMs(preprocessMs),
      predict_ms: roundMs(predictMs),
      worker: deps.worker.id,
      digest: deps.worker.digest,
      trained: deps.worker.trained,
    }
  }

  return async (job, token, signal) => {
    await delayNewerPayload(job, token)
    try {
      return await predict(job, signal)
    } catch (thrown) {
      if (signal?.aborted === true && signal.reason === HAND_BACK) {
        // Back to its old place, for any other worker, and without using up an attempt.
        await job.moveToWait(token)
        throw new WaitingError()
      }
      deps.log.warn({ err: thrown, predictionId: job.id }, 'attempt failed')
      throw toJobError(thrown)
    }
  }
}
