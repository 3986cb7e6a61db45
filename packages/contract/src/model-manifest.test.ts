import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { ModelManifest } from './model-manifest.ts'

const manifest: ModelManifest = {
  name: 'densenet-121',
  description: 'A classifier',
  licence: 'MIT',
  source: 'somewhere',
  file: { sha256: 'ab'.repeat(32), bytes: 32_726_877, urls: [] },
  input: {
    layout: 'NCHW',
    channels: 'BGR',
    resize: 256,
    crop: 224,
    interpolation: 'bilinear',
    scale: 1,
    mean: [103.94, 116.78, 123.68],
    std: [58.8, 58.8, 58.8],
  },
  output: 'logits',
  labels: '../labels.json',
}

test('a full manifest is accepted, also with what it may leave out', () => {
  assert.ok(Value.Check(ModelManifest, manifest))
  const confidence = { probability_min: 0.5, margin_min: 0 }
  assert.ok(Value.Check(ModelManifest, { ...manifest, confidence, animals: { first: 0, last: 397 } }))
})

const { file, input } = manifest
const BAD: [what: string, manifest: unknown][] = [
  ['a name that climbs out of its folder', { ...manifest, name: '../secrets' }],
  ['a name that is hidden', { ...manifest, name: '.hidden' }],
  ['a name with a colon, which Redis keys cannot take', { ...manifest, name: 'a:b' }],
  ['a misspelt field', { ...manifest, license: 'MIT' }],
  ['a digest in capitals', { ...manifest, file: { ...file, sha256: 'AB'.repeat(32) } }],
  ['a short digest', { ...manifest, file: { ...file, sha256: 'ab' } }],
  ['an empty file', { ...manifest, file: { ...file, bytes: 0 } }],
  ['a channel order that does not exist', { ...manifest, input: { ...input, channels: 'GBR' } }],
  ['a mean for one channel only', { ...manifest, input: { ...input, mean: [0.5] } }],
  ['a layout that the normaliser does not write', { ...manifest, input: { ...input, layout: 'NHWC' } }],
  ['a confidence above 1', { ...manifest, confidence: { probability_min: 50, margin_min: 0 } }],
  ['half a confidence rule', { ...manifest, confidence: { probability_min: 0.5 } }],
  ['animals before the first class', { ...manifest, animals: { first: -1, last: 397 } }],
  ['probabilities as output', { ...manifest, output: 'probabilities' }],
]
test('a manifest that could not be served is refused', () => {
  for (const [what, candidate] of BAD) assert.equal(Value.Check(ModelManifest, candidate), false, what)
})
