import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFingerprint } from './fingerprint.ts'

type Model = Parameters<typeof createFingerprint>[0]

const model: Model = {
  digest: `sha256:${'1'.repeat(64)}`,
  input: {
    layout: 'NCHW',
    channels: 'RGB',
    resize: 256,
    crop: 224,
    interpolation: 'bilinear',
    scale: 1 / 255,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  },
  confidence: { probability_min: 0.5, margin_min: 0.4 },
  classes: null,
}

test('the same model and rules have the same fingerprint, however their fields are ordered', () => {
  const fingerprint = createFingerprint(model)
  assert.match(fingerprint, /^[0-9a-f]{64}$/)
  const reversed = Object.fromEntries(Object.entries(model.input).toReversed()) as Model['input']
  const confidence = { margin_min: 0.4, probability_min: 0.5 }
  assert.equal(createFingerprint({ ...model, input: reversed, confidence }), fingerprint)
})

test('whatever may change an answer changes the fingerprint', () => {
  const { input } = model
  const confidence = { probability_min: 0.5, margin_min: 0.4 }
  const changed: Model[] = [
    { ...model, digest: `sha256:${'2'.repeat(64)}` },
    { ...model, input: { ...input, channels: 'BGR' } },
    { ...model, input: { ...input, resize: 224 } },
    { ...model, input: { ...input, crop: 256 } },
    { ...model, input: { ...input, scale: 1 } },
    { ...model, input: { ...input, mean: [0.456, 0.485, 0.406] } },
    { ...model, input: { ...input, std: [1, 1, 1] } },
    { ...model, confidence: { ...confidence, probability_min: 0.4 } },
    { ...model, confidence: { ...confidence, margin_min: 0.5 } },
    { ...model, confidence: null },
    { ...model, classes: { first: 0, last: 397 } },
    { ...model, classes: { first: 0, last: 396 } },
  ]
  const fingerprints = [
    createFingerprint(model),
    createFingerprint(model, 1000),
    ...changed.map((one) => createFingerprint(one)),
  ]
  assert.equal(new Set(fingerprints).size, changed.length + 2)
})
