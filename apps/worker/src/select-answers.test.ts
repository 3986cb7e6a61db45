import type { ModelManifest } from '@menagerie/contract/model-manifest'
import { DEFAULT_CONFIDENCE } from '@menagerie/inference/confidence'
import { loadLabels } from '@menagerie/model-files/labels'
import { loadManifest } from '@menagerie/model-files/manifest'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { selectAnswers } from './select-answers.ts'

const loaded = await loadManifest('densenet-121')
const labels = await loadLabels(loaded)

const makeModel = (changes: Partial<ModelManifest> = {}, trained = true) => ({
  name: 'densenet-121',
  manifest: { ...loaded.manifest, ...changes },
  labels,
  trained,
})

test('all classes and the default rule, unless the manifest has one of its own', () => {
  assert.deepEqual(selectAnswers(makeModel(), false), { classes: null, confidence: DEFAULT_CONFIDENCE })
  const confidence = { probability_min: 0.9, margin_min: 0.1 }
  assert.deepEqual(selectAnswers(makeModel({ confidence }), false), { classes: null, confidence })
})

test('an untrained model is never confident, whatever its manifest says', () => {
  const confidence = { probability_min: 0, margin_min: 0 }
  assert.equal(selectAnswers(makeModel({ confidence }, false), false).confidence, null)
})

test('animals alone: those of the manifest', () => {
  assert.deepEqual(selectAnswers(makeModel(), true).classes, { first: 0, last: 397 })
  assert.deepEqual(selectAnswers(makeModel({ animals: { first: 999, last: 999 } }), true).classes, {
    first: 999,
    last: 999,
  })
})

test('animals alone is refused when the manifest does not name them, or names what there is not', () => {
  const { animals: _, ...manifest } = loaded.manifest
  assert.throws(
    () => selectAnswers({ ...makeModel(), manifest }, true),
    /^Error: ANIMALS_ONLY=1, but the manifest of densenet-121 does not say which classes are animals$/,
  )
  for (const animals of [
    { first: 5, last: 4 },
    { first: 0, last: 1000 },
  ]) {
    assert.throws(() => selectAnswers(makeModel({ animals }), true), /it has 0 to 999$/)
  }
})
