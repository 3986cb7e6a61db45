import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { isTerminal, METADATA_BYTES_MAX, PREDICTION_STATUSES, PredictionOptions } from './prediction.ts'

test('the statuses are a closed list: clients switch over it', () => {
  assert.deepEqual(PREDICTION_STATUSES, [
    'queued',
    'processing',
    'succeeded',
    'failed',
    'canceled',
    'expired',
  ])
  assert.deepEqual(PREDICTION_STATUSES.filter(isTerminal), ['succeeded', 'failed', 'canceled', 'expired'])
})

const GOOD: unknown[] = [
  {},
  { top_k: 1 },
  { top_k: 20, model: 'densenet-121', metadata: '{}', webhook: 'https://example.com/hook' },
  { metadata: 'x'.repeat(METADATA_BYTES_MAX) },
]
const BAD: unknown[] = [
  { top_k: 0 },
  { top_k: 21 },
  { top_k: 1.5 },
  { topk: 3 },
  { model: 'm'.repeat(65) },
  { metadata: 'x'.repeat(METADATA_BYTES_MAX + 1) },
  { webhook: `https://example.com/${'x'.repeat(2048)}` },
]
test('options are accepted within their bounds, and refused beyond them', () => {
  for (const options of GOOD) assert.ok(Value.Check(PredictionOptions, options), JSON.stringify(options))
  for (const options of BAD) assert.ok(!Value.Check(PredictionOptions, options), JSON.stringify(options))
})
