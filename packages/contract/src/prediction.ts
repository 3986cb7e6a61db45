import Type, { type Static } from 'typebox'
import { PREDICTION_EXAMPLE } from './prediction-example.ts'
import { PredictionError } from './problem.ts'
import { WebhookEventsFilter } from './webhook-events.ts'

export const PREDICTION_STATUSES = [
  'queued',
  'processing',
  'succeeded',
  'failed',
  'canceled',
  'expired',
] as const
export type PredictionStatus = (typeof PREDICTION_STATUSES)[number]

/** A terminal status never changes again. */
export const isTerminal = (status: PredictionStatus): boolean =>
  status !== 'queued' && status !== 'processing'

export const TOP_K_MAX = 20
export const TOP_K_DEFAULT = 5
export const METADATA_BYTES_MAX = 4096

export const PRIORITIES = ['high', 'normal', 'low'] as const
export type Priority = (typeof PRIORITIES)[number]

export const PriorityOption = Type.Enum([...PRIORITIES], {
  description:
    'How soon, among what waits: `high` goes before your own `normal` ones, `low` after; none of them waits for ever. Default: normal',
})

/** Options of a prediction: form fields beside the file, or query parameters. */
export const PredictionOptions = Type.Object(
  {
    model: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'Model to use; GET /v1/models lists them. Default: MODEL',
        examples: ['densenet-121'],
      }),
    ),
    top_k: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: TOP_K_MAX,
        default: TOP_K_DEFAULT,
        description: 'How many of the most probable classes to return',
      }),
    ),
    metadata: Type.Optional(
      Type.String({
        maxLength: METADATA_BYTES_MAX,
        description: 'A JSON object of yours, returned with the prediction',
        examples: ['{"order":"A-17"}'],
      }),
    ),
    webhook: Type.Optional(
      Type.String({
        maxLength: 2048,
        description: 'URL that is told of the prediction, signed as Standard Webhooks describes',
        examples: ['https://example.com/hooks/menagerie'],
      }),
    ),
    webhook_events_filter: Type.Optional(WebhookEventsFilter),
    priority: Type.Optional(PriorityOption),
  },
  { additionalProperties: false },
)
export type PredictionOptions = Static<typeof PredictionOptions>

/** Any JSON object. (A Record would be a pattern of names, and drop those with a line break.) */
export const Metadata = Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true })

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Time = Type.String({ format: 'date-time' })

const ClassProbability = Type.Object({
  index: Type.Integer({ description: 'Index of the class in the model output' }),
  class_id: Type.String({ description: 'WordNet id' }),
  class_name: Type.String(),
  probability: Type.Number({ minimum: 0, maximum: 1 }),
})

const PredictionOutput = Type.Object({
  class_id: Type.String({ description: 'WordNet id of the most probable class' }),
  class_name: Type.String(),
  probability: Type.Number({ minimum: 0, maximum: 1 }),
  confident: Type.Boolean({
    description: 'false: the model is unsure, or untrained; do not show the answer as a fact',
  }),
  top_k: Type.Array(ClassProbability, { description: 'Most probable first' }),
})

const PredictionMetrics = Type.Object({
  queue_ms: Nullable(Type.Number({ description: 'From acceptance to the start of the last attempt' })),
  preprocess_ms: Nullable(Type.Number({ description: 'Decode, resize, crop' })),
  predict_ms: Nullable(Type.Number({ description: 'Normalise, run, softmax, top-k' })),
  total_ms: Nullable(Type.Number({ description: 'From acceptance to the end' })),
  cache: Nullable(
    Type.Enum(['hit', 'miss'], {
      description:
        'hit: the same bytes were classified before, and that answer was given; null before the end',
    }),
  ),
  attempts: Type.Integer({ description: 'How often a worker started it' }),
  worker: Nullable(Type.String({ description: 'The worker that finished it' })),
})

/** One prediction, as every way of asking and waiting shows it. */
export const Prediction = Type.Object(
  {
    id: Type.String(),
    status: Type.Enum([...PREDICTION_STATUSES]),
    model: Type.Object({
      name: Type.String(),
      digest: Nullable(Type.String({ description: 'sha256 of the weights; null until a worker knows them' })),
      trained: Nullable(Type.Boolean({ description: 'false: the stand-in, whose answers mean nothing' })),
    }),
    input: Type.Object({
      filename: Nullable(Type.String()),
      content_type: Type.String(),
      bytes: Type.Integer(),
      sha256: Type.String(),
    }),
    output: Nullable(PredictionOutput),
    error: Nullable(PredictionError),
    metrics: PredictionMetrics,
    queue: Nullable(
      Type.Object({
        position: Type.Integer({ description: 'How many are before it' }),
        estimated_wait_ms: Nullable(Type.Integer({ description: 'null: no worker is up' })),
      }),
    ),
    metadata: Metadata,
    replay_of: Nullable(Type.String({ description: 'The failed prediction that this one repeats' })),
    created_at: Time,
    started_at: Nullable(Time),
    completed_at: Nullable(Time),
    expires_at: Nullable(Time),
    urls: Type.Object({ get: Type.String(), events: Type.String(), cancel: Type.String() }),
  },
  { $id: 'Prediction', examples: [PREDICTION_EXAMPLE] },
)
export type Prediction = Static<typeof Prediction>

/** What the old server answered: the most probable class and nothing else. */
export const ClassicAnswer = Type.Object(
  { class_id: Type.String(), class_name: Type.String() },
  { $id: 'ClassicAnswer', examples: [{ class_id: 'n02099601', class_name: 'golden_retriever' }] },
)
export type ClassicAnswer = Static<typeof ClassicAnswer>
