import type { DeliveryAttempt } from '@menagerie/contract/delivery'
import {
  ANONYMOUS_ID,
  PAYLOAD_VERSION,
  PayloadEnvelope,
  WEBHOOK_JOB_OPTIONS,
  WEBHOOK_QUEUE_NAME,
  WebhookJobData,
} from '@menagerie/contract/job'
import type { Keys } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import { predictionAttributes, processSpan } from '@menagerie/tracing/message-span'
import { runSpan } from '@menagerie/tracing/run-span'
import type { Tracer } from '@menagerie/tracing/tracer'
import { DelayedError, UnrecoverableError, type Job } from 'bullmq'
import type { Logger } from 'pino'
import { Compile } from 'typebox/compile'
import type { BuildEvent } from './build-event.ts'
import { isDelivered, type Deliver, type DeliveryOutcome } from './deliver.ts'
import type { HostGate } from './host-gate.ts'
import { DeliveryError } from './retry-delay.ts'

export interface WebhookProcessorDeps {
  redis: RedisConnection
  keys: Keys
  buildEvent: BuildEvent
  deliver: Deliver
  hosts: HostGate
  /** With what to sign for a tenant, the current secret first. */
  secretsOf: (tenantId: string) => readonly string[]
  tracer: Tracer
  log: Logger
}

type Prepared = WebhookJobData & { body: string; due_at: number }

/** When a webhook is looked at again, and when it has waited for too long, epoch ms; null: never. */
interface Wait {
  againAt: number
  giveUp: { at: number; error: string; message: string } | null
}

const envelope = Compile(PayloadEnvelope)
const jobData = Compile(WebhookJobData)
const NEWER_PAYLOAD_DELAY_MS = 30_000
const NO_SECRET_DELAY_MS = 60_000

/** "I am gone, do not come again." */
const GONE = 410
/** `failedReason` of what its receiver wants no more of. */
export const GONE_REASON = `the receiver answered ${GONE}: it wants no more of this`
// Not a word about this webhook: the host, or what stands before it, takes nothing at the moment.
const HOST_DOWN: ReadonlySet<number> = new Set([429, 502, 503, 504])
const isHostUp = ({ http_status }: DeliveryAttempt): boolean =>
  http_status !== null && !HOST_DOWN.has(http_status)

// Longer than its webhook is kept and tried.
const INDEX_TTL_MS = WEBHOOK_JOB_OPTIONS.removeOnComplete.age * 1000 + 3 * 24 * 3_600_000

const toError = ({ attempt, retryAfterMs }: DeliveryOutcome): Error => {
  const { http_status, error } = attempt
  if (http_status === GONE) return new UnrecoverableError(GONE_REASON)
  const why = http_status === null ? `did not answer: ${error}` : `answered ${http_status}`
  return new DeliveryError(`the receiver ${why}`, retryAfterMs)
}

/** A payload of a newer gateway waits for a newer gateway: it is delayed, never failed. */
const delayNewerPayload = async (job: Job, token: string | undefined): Promise<void> => {
  const { data }: { data: unknown } = job
  if (!envelope.Check(data) || data.v <= PAYLOAD_VERSION) return
  await job.moveToDelayed(Date.now() + NEWER_PAYLOAD_DELAY_MS, token)
  throw new DelayedError()
}

/**
 * Processor of the `webhooks` queue: builds the body once, then tries to deliver it. What finds its host down or busy, or
 * no secret to sign it with, is put off, which uses up no attempt; what is still kept back by a host that is down or for
 * want of a secret once its schedule would have ended is given up.
 *
 * @param scheduleMs how long the attempts take all together
 */
export const createWebhookProcessor = (deps: WebhookProcessorDeps, options: { scheduleMs: number }) => {
  const { redis, keys } = deps

  const prepare = async (job: Job): Promise<Prepared> => {
    const data: unknown = job.data
    if (!jobData.Check(data)) throw new UnrecoverableError('the webhook job is not valid')
    const { body, due_at } = data
    if (body !== undefined && due_at !== undefined) return { ...data, body, due_at }
    // An id that was made from a key does not say which of its submissions this is, once the record is gone.
    const submissionId = data.prediction?.idempotency?.submission_id
    if (submissionId !== undefined) {
      await redis.set(keys.submission(data.prediction_id), submissionId, 'PX', INDEX_TTL_MS)
    }
    const prepared = {
      ...data,
      body: body ?? JSON.stringify(await deps.buildEvent(job, data)),
      due_at: Date.now(),
    }
    await job.updateData(prepared)
    return prepared
  }

  /** The history is there to look at: without it a webhook is delivered all the same. */
  const note = (job: Job, attempt: DeliveryAttempt): Promise<unknown> =>
    job
      .log(JSON.stringify(attempt))
      .catch((err: unknown) => deps.log.warn({ err, jobId: job.id }, 'attempt not noted'))

  const putOff = async (job: Job, token: string | undefined, { againAt, giveUp }: Wait): Promise<never> => {
    if (giveUp !== null && giveUp.at <= Date.now()) {
      const at = new Date().toISOString()
      await note(job, { at, http_status: null, error: giveUp.error, duration_ms: 0 })
      throw new UnrecoverableError(giveUp.message)
    }
    await job.moveToDelayed(Math.ceil(Math.min(againAt, giveUp?.at ?? againAt)), token)
    throw new DelayedError()
  }

  const attempt = (
    job: Job,
    data: Prepared,
    secrets: readonly string[],
    settle: (outcome: DeliveryOutcome) => void,
  ): Promise<void> => {
    const { url, body, prediction_id, model, prediction, trace } = data
    const number = job.attemptsMade + 1
    const span = processSpan({
      queue: WEBHOOK_QUEUE_NAME,
      jobId: job.id,
      parent: trace ?? prediction?.trace,
      attributes: { ...predictionAttributes(prediction_id, model), 'menagerie.attempt': number },
    })
    return runSpan(deps.tracer, ...span, async ({ context, ids }) => {
      // The job's own id, so that it is the same for every attempt.
      const outcome = await deps.deliver({ url, id: job.id ?? '', body, secrets, trace: context })
      settle(outcome)
      await note(job, outcome.attempt)
      if (!isDelivered(outcome.attempt)) throw toError(outcome)
      deps.log.info({ predictionId: prediction_id, attempt: number, ...ids }, 'webhook delivered')
    })
  }

  return async (job: Job, token?: string): Promise<void> => {
    await delayNewerPayload(job, token)
    const data = await prepare(job)
    const { url, due_at, tenant, prediction } = data
    const tenantId = tenant ?? prediction?.tenant ?? ANONYMOUS_ID
    const secrets = deps.secretsOf(tenantId)
    const giveUpAt = due_at + options.scheduleMs
    if (secrets.length === 0) {
      // The operator's mistake, which may be put right: not an attempt of the receiver's.
      return putOff(job, token, {
        againAt: Date.now() + NO_SECRET_DELAY_MS,
        giveUp: { at: giveUpAt, error: 'no_secret', message: 'there is no secret to sign it with' },
      })
    }
    // Of each tenant: where many receivers share a host, one tenant’s could have those of another put off.
    const admission = deps.hosts.admit(`${tenantId} ${new URL(url).host}`)
    if (!admission.isAdmitted) {
      const message = 'the receiver’s host has answered nobody for too long'
      const giveUp = admission.isDown ? { at: giveUpAt, error: 'host_down', message } : null
      return putOff(job, token, { againAt: admission.againAt, giveUp })
    }

    return attempt(job, data, secrets, (outcome) => admission.settle(isHostUp(outcome.attempt)))
  }
}
