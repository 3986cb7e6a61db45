import { PREDICTION_EXAMPLE } from './prediction-example.ts'

const ID = '0199f5c3-9b20-8d11-8a4e-60718293a4b5'
const { id, status, model, output, error, created_at, completed_at, expires_at } = PREDICTION_EXAMPLE

const FIRST = { index: 0, custom_id: 'dog.jpg', prediction_id: id, status, error }

/** Second line of the results of a batch, as the documentation shows it: an item that was no picture. */
const REFUSED = {
  index: 1,
  custom_id: 'notes.txt',
  prediction_id: null,
  status: 'failed',
  error: {
    code: 'image_type_unsupported',
    message: 'the file is not a JPEG, PNG, WebP, GIF or AVIF image',
  },
}

/** A Batch that has completed, as the documentation shows it. */
export const BATCH_EXAMPLE = {
  id: ID,
  status: 'completed',
  model: model.name,
  total: 2,
  counts: { queued: 0, processing: 0, succeeded: 1, failed: 1, canceled: 0, expired: 0, gone: 0 },
  metadata: { album: 'spring' },
  created_at,
  completed_at,
  expires_at,
  urls: {
    get: `https://menagerie.example/v1/batches/${ID}`,
    results: `https://menagerie.example/v1/batches/${ID}/results`,
    cancel: `https://menagerie.example/v1/batches/${ID}/cancel`,
  },
  items: [FIRST, REFUSED],
  has_more: false,
}

/** Its results, as the documentation shows them. */
export const BATCH_RESULT_EXAMPLES = [
  { ...FIRST, model, output, metadata: BATCH_EXAMPLE.metadata, completed_at },
  { ...REFUSED, model: null, output: null, metadata: BATCH_EXAMPLE.metadata, completed_at },
]
