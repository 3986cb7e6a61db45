import Type, { type Static } from 'typebox'
import { Metadata, PriorityOption, TOP_K_MAX } from './prediction.ts'
import { TraceContext } from './trace-context.ts'

/** Version of the payloads below. A worker that meets a higher one delays the job: workers are upgraded first. */
export const PAYLOAD_VERSION = 1

export const predictQueueName = (model: string): string => `predict.${model}`
export const WEBHOOK_QUEUE_NAME = 'webhooks'
export const BATCH_QUEUE_NAME = 'batches'

// Constant: job names become span names and labels, and must not carry anything of the user's.
export const PREDICT_JOB_NAME = 'predict'
export const WEBHOOK_JOB_NAME = 'deliver'
export const BATCH_JOB_NAME = 'watch'

/**
 * Every job has a BullMQ priority, so that all wait in one sorted set and a position is one ZRANK
 * (81 µs at 50,000 waiting, against 628 µs for LPOS in a list). The same priority is first in, first out. What is
 * known already takes a worker no time, so it does not stand in line behind what is not: that has a tag from `ordinary`
 * on, by which tenants take turns (apps/gateway/src/fair-order.ts).
 */
export const JOB_PRIORITY = { known: 1, ordinary: 2 } as const

/** The least that every version of a payload has in common. */
export const PayloadEnvelope = Type.Object({ v: Type.Integer({ minimum: 1 }) })

const ClassProbabilities = Type.Array(Type.Tuple([Type.Integer(), Type.Number()]), { minItems: 1 })

/** What the result cache keeps of a prediction: enough for every `top_k`. */
export const KnownAnswer = Type.Object({
  /** `[class index, probability]` of the `TOP_K_MAX` most probable classes, most probable first. */
  top_k: ClassProbabilities,
  confident: Type.Boolean(),
  digest: Type.String(),
  trained: Type.Boolean(),
})
export type KnownAnswer = Static<typeof KnownAnswer>

/** The tenant of jobs that name none. */
export const ANONYMOUS_ID = 'anonymous'

/** Data of a job in `predict.<model>`. Unknown fields are tolerated: a newer gateway may add some. */
export const PredictJobData = Type.Object({
  v: Type.Literal(PAYLOAD_VERSION),
  model: Type.String(),
  top_k: Type.Integer({ minimum: 1, maximum: TOP_K_MAX }),
  upload: Type.Object({
    /** In the upload store; null when the answer is known and no bytes were stored. */
    id: Type.Union([Type.String(), Type.Null()]),
    bytes: Type.Integer(),
    sha256: Type.String(),
    content_type: Type.String(),
    filename: Type.Union([Type.String(), Type.Null()]),
  }),
  metadata: Metadata,
  /** Whose it is; absent: everybody's, where no API keys are set up. */
  tenant: Type.Optional(Type.String()),
  /** Absent: normal. */
  priority: Type.Optional(PriorityOption),
  /** Epoch ms. A job that no worker has started by then is expired. */
  deadline: Type.Integer(),
  /** Where the id was made from a key, so that the same prediction may be submitted twice. */
  idempotency: Type.Optional(
    Type.Object({
      /** Random: which of the submissions it was that Redis took. */
      submission_id: Type.String(),
      /** Of what was asked: the same key with another is a mistake of the client's. */
      request_sha256: Type.String(),
    }),
  ),
  /** The failed prediction that this one repeats. */
  replay_of: Type.Optional(Type.String()),
  /** Whom the worker that begins with it has to be told of; the end has a job of its own, the parent of this one. */
  start_webhook: Type.Optional(Type.Object({ url: Type.String(), base_url: Type.String() })),
  /** From the result cache: the worker returns it and runs nothing. */
  known: Type.Optional(KnownAnswer),
  /** Who put it into the queue, where that is traced or the client named a trace. */
  trace: Type.Optional(TraceContext),
})
export type PredictJobData = Static<typeof PredictJobData>

/**
 * What a predict job returns. It is the stored result, BullMQ copies it into its event stream, and every gateway hears
 * it announced, so it stays small (under 1 kB): class names are added by the view.
 */
export const PredictReturnValue = Type.Object({
  /** `[class index, probability]`, most probable first. */
  top_k: ClassProbabilities,
  /** Decided by the worker: the second class, which the rule needs, may not be in `top_k`. */
  confident: Type.Boolean(),
  /** Null when nothing was decoded or run, because the answer was known. */
  preprocess_ms: Type.Union([Type.Number(), Type.Null()]),
  predict_ms: Type.Union([Type.Number(), Type.Null()]),
  cache: Type.Enum(['hit', 'miss']),
  worker: Type.String(),
  digest: Type.String(),
  trained: Type.Boolean(),
})
export type PredictReturnValue = Static<typeof PredictReturnValue>

const WEBHOOK_KEPT_S = 7 * 24 * 3600
const WEBHOOK_ATTEMPTS_KEPT = 50

/** Of every job in `webhooks`. Who delivers decides when it is tried again, and when no more. */
export const WEBHOOK_JOB_OPTIONS = {
  attempts: 1000,
  backoff: { type: 'custom' },
  removeOnComplete: { age: WEBHOOK_KEPT_S },
  removeOnFail: { age: WEBHOOK_KEPT_S },
  keepLogs: WEBHOOK_ATTEMPTS_KEPT,
  stackTraceLimit: 1,
} as const

/** Data of a job in `webhooks`: of one that reports an end, the flow parent of its prediction. */
export const WebhookJobData = Type.Object({
  v: Type.Literal(PAYLOAD_VERSION),
  url: Type.String(),
  prediction_id: Type.String(),
  model: Type.String(),
  /** Where the client reached the gateway, for the `urls` in the body. */
  base_url: Type.String(),
  /** What was asked, for when the record is gone before the body is built. */
  prediction: Type.Optional(PredictJobData),
  /** Whose secrets sign, where no prediction says it. */
  tenant: Type.Optional(Type.String()),
  /** Of one that reports a start: what is reported, epoch ms. */
  started: Type.Optional(Type.Object({ created_at: Type.Integer(), started_at: Type.Integer() })),
  /** Built once, on the first attempt, so that every attempt sends the same bytes. */
  body: Type.Optional(Type.String()),
  /** When it was to be delivered for the first time, epoch ms. */
  due_at: Type.Optional(Type.Integer()),
  /** Who put it into the queue, where no prediction says it. */
  trace: Type.Optional(TraceContext),
})
export type WebhookJobData = Static<typeof WebhookJobData>

/** Data of a job in `batches`: it waits for the end of a batch, and then puts its webhook into `webhooks`. */
export const BatchWatchData = Type.Object({
  v: Type.Literal(PAYLOAD_VERSION),
  batch_id: Type.String(),
  submission_id: Type.String(),
  /** So many items, from the first on, have been seen to have ended. */
  ended: Type.Optional(Type.Integer()),
})
export type BatchWatchData = Static<typeof BatchWatchData>
