import Type, { type Static } from 'typebox'
import { BATCH_EXAMPLE, BATCH_RESULT_EXAMPLES } from './batch-example.ts'
import { Metadata, Prediction, PREDICTION_STATUSES, PredictionOptions } from './prediction.ts'

/** How many pictures one batch may have. */
export const BATCH_ITEMS_MAX = 1000
export const CUSTOM_ID_LENGTH_MAX = 255

/** Options of a batch: form fields before the first file, or query parameters. They hold for every item. */
export const BatchOptions = Type.Object(
  {
    model: PredictionOptions.properties.model,
    top_k: PredictionOptions.properties.top_k,
    priority: PredictionOptions.properties.priority,
    metadata: Type.Optional({
      ...PredictionOptions.properties.metadata,
      description:
        'A JSON object of yours, returned with the batch, and with each item that has none of its own',
    }),
    webhook: Type.Optional({
      ...PredictionOptions.properties.webhook,
      description:
        'URL that is told once when the whole batch has ended, signed as Standard Webhooks describes',
    }),
  },
  { additionalProperties: false },
)
export type BatchOptions = Static<typeof BatchOptions>

/** What a client may say of a single item: a value of the JSON object in the form field `items`, whose names are files. */
export const BatchItemOptions = Type.Object(
  {
    custom_id: Type.Optional(Type.String({ minLength: 1, maxLength: CUSTOM_ID_LENGTH_MAX })),
    metadata: Type.Optional(Metadata),
  },
  { additionalProperties: false },
)
export type BatchItemOptions = Static<typeof BatchItemOptions>

/** `completed`: every item has ended, however. `canceled`: it was canceled before that. Both are for ever. */
export const BATCH_STATUSES = ['processing', 'completed', 'canceled'] as const
export type BatchStatus = (typeof BATCH_STATUSES)[number]

/** `gone`: the prediction can no longer be read, because it was deleted or ended longer than RESULT_TTL ago. */
export const BATCH_ITEM_STATUSES = [...PREDICTION_STATUSES, 'gone'] as const
export type BatchItemStatus = (typeof BATCH_ITEM_STATUSES)[number]

const { error, output, model, created_at, completed_at, expires_at } = Prediction.properties

const ItemHead = {
  index: Type.Integer({ description: 'Its place in the batch, from 0 on' }),
  custom_id: Type.String({
    description: 'Unique in the batch: as you said in `items`, else the name of the file',
  }),
  prediction_id: Type.Union([Type.String(), Type.Null()], {
    description: 'GET /v1/predictions/{id} has the rest; null: it was refused and never became a prediction',
  }),
  status: Type.Enum([...BATCH_ITEM_STATUSES]),
  error,
}

/** One picture of a batch. */
export const BatchItem = Type.Object(ItemHead)
export type BatchItem = Static<typeof BatchItem>

/** One line of `GET /v1/batches/{id}/results`. */
export const BatchResult = Type.Object(
  {
    ...ItemHead,
    model: Type.Union([model, Type.Null()]),
    output,
    metadata: Metadata,
    completed_at,
  },
  { $id: 'BatchResult', examples: BATCH_RESULT_EXAMPLES },
)
export type BatchResult = Static<typeof BatchResult>

const Count = Type.Integer({ minimum: 0 })

const BatchHead = {
  id: Type.String(),
  status: Type.Enum([...BATCH_STATUSES]),
  model: Type.String(),
  total: Type.Integer({ description: 'How many items it has' }),
  counts: Type.Object(
    {
      queued: Count,
      processing: Count,
      succeeded: Count,
      failed: Count,
      canceled: Count,
      expired: Count,
      gone: Count,
    },
    { description: 'How many items have each status' },
  ),
  metadata: Metadata,
  created_at,
  completed_at: { ...completed_at, description: 'When its last item ended' },
  expires_at: { ...expires_at, description: 'Until when it can be read; null while it runs' },
  urls: Type.Object({ get: Type.String(), results: Type.String(), cancel: Type.String() }),
}

/** A batch without its items, as the webhook `batch.completed` brings it. */
export const BatchSummary = Type.Object(BatchHead)
export type BatchSummary = Static<typeof BatchSummary>

export const Batch = Type.Object(
  {
    ...BatchHead,
    items: Type.Array(BatchItem, { description: 'A page of them, in order' }),
    has_more: Type.Boolean({ description: 'Whether there are items behind this page' }),
  },
  { $id: 'Batch', examples: [BATCH_EXAMPLE] },
)
export type Batch = Static<typeof Batch>

/** The body of the webhook of a batch: the envelope of Standard Webhooks 1.0. */
export interface BatchEvent {
  type: 'batch.completed'
  timestamp: string
  data: BatchSummary
}
