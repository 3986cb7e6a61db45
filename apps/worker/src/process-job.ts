import { AppError } from '@menagerie/contract/errors'
import {
  ANONYMOUS_ID,
  PAYLOAD_VERSION,
  PayloadEnvelope,
  PredictJobData,
  WEBHOOK_QUEUE_NAME,
  type KnownAnswer,
  type PredictReturnValue,
} from '@menagerie/contract/job'
import { TOP_K_MAX } from '@menagerie/contract/prediction'
import type { Classifier } from '@menagerie/inference/classifier'
import { startWebhookId } from '@menagerie/contract/webhook'
import { sendSpan } from '@menagerie/tracing/message-span'
import { runSpan } from '@menagerie/tracing/run-span'
import type { Span } from '@menagerie/tracing/tracer'
import { DelayedError, WaitingError, type Job } from 'bullmq'
import type { Logger } from 'pino'
import { Compile } from 'typebox/compile'
import { CANCELED } from './cancellations.ts'
import { toJobError } from './failure.ts'
import { handBackJob } from './hand-back.ts'
import { endRun, startRun, type JobStartDeps } from './job-start.ts'
import type { StoreOutage } from './store-outage.ts'
import type { TellStart } from './tell-start.ts'
import { traceAttempt, traceRun } from './trace-attempt.ts'
import { createTurns } from './turns.ts'

export interface ProcessJobDeps extends JobStartDeps {
  classifier: Classifier
  worker: { id: string; digest: string; trained: boolean }
  onServed: (serviceMs: number) => void
  /** Keeps an answer for the next time that somebody sends the same bytes. */
  remember: (picture: { tenant: string; sha256: string }, answer: KnownAnswer) => void
  tellStart: TellStart
  storeOutage: Pick<StoreOutage, 'putOff'>
  log: Logger
}

/** Processor of a `predict.*` queue. */
export type ProcessJob = (job: Job, token?: string, signal?: AbortSignal) => Promise<PredictReturnValue>

/** Reason with which running jobs are aborted when this worker gives them back to the others. */
export const HAND_BACK = 'hand back'

const envelope = Compile(PayloadEnvelope)
const jobData = Compile(PredictJobData)
const NEWER_PAYLOAD_DELAY_MS = 30_000
// Only Redis' clock says whether a job has begun in time. Where there is as much time as this, no clock is that wrong.
const DEADLINE_NEAR_MS = 60_000
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
  const takeTurn = createTurns()

  const classify = async (
    bytes: Buffer,
    { top_k, upload, tenant }: PredictJobData,
    signal: AbortSignal | undefined,
    span: Span,
  ): Promise<PredictReturnValue> => {
    const startedAt = performance.now()
    // As many classes as anybody may ask for, so that what is remembered serves everybody.
    const { topK, confident, preprocessMs, predictMs } = await deps.classifier.classify(bytes, {
      topK: TOP_K_MAX,
      signal,
    })
    traceRun(deps.tracer, span, { startedAt, endedAt: performance.now(), preprocessMs, predictMs })
    // Canceled or deleted while it was in the model: then nothing of it is to stay.
    if (signal?.reason === CANCELED) throw new AppError('prediction_canceled', 'it was canceled')
    const { id: worker, digest, trained } = deps.worker
    deps.onServed(predictMs)
    deps.remember(
      { tenant: tenant ?? ANONYMOUS_ID, sha256: upload.sha256 },
      { top_k: topK, confident, digest, trained },
    )
    return {
      top_k: topK.slice(0, top_k),
      confident,
      preprocess_ms: roundMs(preprocessMs),
      predict_ms: roundMs(predictMs),
      cache: 'miss',
      worker,
      digest,
      trained,
    }
  }

  const repeat = (known: KnownAnswer, { top_k }: PredictJobData): PredictReturnValue => ({
    ...known,
    top_k: known.top_k.slice(0, top_k),
    preprocess_ms: null,
    predict_ms: null,
    cache: 'hit',
    worker: deps.worker.id,
  })

  const answer = async (
    bytes: Buffer | null,
    data: PredictJobData,
    signal: AbortSignal | undefined,
    span: Span,
  ): Promise<PredictReturnValue> => {
    if (data.known !== undefined) return repeat(data.known, data)
    if (bytes === null) throw new AppError('upload_expired', 'the uploaded picture is gone')
    return classify(bytes, data, signal, span)
  }

  /** Its webhook is delivered in the course of this run. */
  const tellStart = async (job: Job, data: PredictJobData, startedAt: number, span: Span): Promise<void> => {
    if (data.start_webhook === undefined) return
    const jobId = startWebhookId(data.idempotency?.submission_id ?? job.id ?? '')
    const sending = sendSpan({ queue: WEBHOOK_QUEUE_NAME, jobId, parent: span.context })
    await runSpan(deps.tracer, ...sending, ({ context: trace }) =>
      deps.tellStart(job, trace === undefined ? data : { ...data, trace }, startedAt),
    )
  }

  const predict = async (
    job: Job,
    signal: AbortSignal | undefined,
    span: Span,
  ): Promise<PredictReturnValue> => {
    const data = parseData(job)
    // Nothing runs and nothing is fetched; that it was canceled its record says by itself.
    const isShort = data.deadline - Date.now() > DEADLINE_NEAR_MS && data.start_webhook === undefined
    if (data.known !== undefined && isShort) return repeat(data.known, data)
    signal?.throwIfAborted()
    try {
      const { bytes, startedAt } = await startRun(deps, job, data, { signal, trace: span.context })
      signal?.throwIfAborted()
      // At the same time, so that it costs none; but Redis has it before the prediction ends.
      const telling = tellStart(job, data, startedAt, span)
      try {
        return await answer(bytes, data, signal, span)
      } finally {
        await telling
      }
    } catch (thrown) {
      await endRun(deps, job, data).catch((err: unknown) =>
        deps.log.warn({ err, predictionId: job.id, ...span.ids }, 'end of a run not noted'),
      )
      throw thrown
    }
  }

  const attempt = async (
    job: Job,
    token: string | undefined,
    signal: AbortSignal | undefined,
    span: Span,
  ): Promise<PredictReturnValue> => {
    await delayNewerPayload(job, token)
    try {
      // A worker died while it had this job, maybe of it. Such jobs run one at a time, so that the one that kills is
      // alone in being counted, and the others get through.
      return await (job.stalledCounter > 0
        ? takeTurn(() => predict(job, signal, span), signal)
        : predict(job, signal, span))
    } catch (thrown) {
      if (signal?.aborted === true && signal.reason === HAND_BACK) {
        if (!(await handBackJob(deps.redis, job, token ?? ''))) {
          deps.log.warn(
            { predictionId: job.id, ...span.ids },
            'not handed back: another worker has it by now',
          )
        }
        throw new WaitingError()
      }
      if (signal?.aborted === true && signal.reason === CANCELED) {
        throw toJobError(new AppError('prediction_canceled', 'it was canceled'))
      }
      if (thrown instanceof AppError && thrown.code === 'upload_store_unavailable') {
        await deps.storeOutage.putOff(job, token, thrown, signal)
      }
      deps.log.warn({ err: thrown, predictionId: job.id, ...span.ids }, 'attempt failed')
      throw toJobError(thrown)
    }
  }

  return (job, token, signal) => traceAttempt(deps.tracer, job, (span) => attempt(job, token, signal, span))
}
