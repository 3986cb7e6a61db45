import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_CONFIDENCE, isConfident } from './confidence.ts'
import type { ClassProbability } from './top-k.ts'

const rank = (...probabilities: number[]): ClassProbability[] =>
  probabilities.map((probability, index) => [index, probability])

test('by default it takes half of all probability, and 0.4 more than the second class', () => {
  assert.deepEqual(DEFAULT_CONFIDENCE, { probability_min: 0.5, margin_min: 0.4 })
  const CASES: [expected: boolean, ranked: ClassProbability[]][] = [
    [true, rank(0.9, 0.05)],
    [true, rank(0.5, 0.1)],
    [false, rank(0.499999, 0.05)],
    [false, rank(0.6, 0.200001)],
    [false, rank(0.45, 0.44)],
    [false, rank(0.001, 0.001)],
  ]
  for (const [expected, ranked] of CASES) {
    assert.equal(isConfident(ranked, DEFAULT_CONFIDENCE), expected, JSON.stringify(ranked))
  }
})

test('what is exactly at a limit is confident, although 0.6 - 0.4 is less than 0.2 in binary', () => {
  const rule = { probability_min: 0.6, margin_min: 0.2 }
  assert.ok(0.6 - 0.4 < 0.2)
  assert.equal(isConfident(rank(0.6, 0.4), rule), true)
  assert.equal(isConfident(rank(0.6, 0.400001), rule), false)
  assert.equal(isConfident(rank(0.599999, 0.3), rule), false)
})

test('limits of 0 and 1 are the ends: everything, and nothing but certainty', () => {
  const all = { probability_min: 0, margin_min: 0 }
  const certain = { probability_min: 1, margin_min: 1 }
  assert.equal(isConfident(rank(0.001, 0.001), all), true)
  assert.equal(isConfident(rank(0.999999, 0.000001), certain), false)
  assert.equal(isConfident(rank(1, 0), certain), true)
})

test('a model with one class is ahead of nobody', () => {
  assert.equal(isConfident(rank(1), DEFAULT_CONFIDENCE), true)
  assert.equal(isConfident(rank(0.3), DEFAULT_CONFIDENCE), false)
})

test('without a rule nothing is confident', () => assert.equal(isConfident(rank(1, 0), null), false))
