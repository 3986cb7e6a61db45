import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pickTopK } from './top-k.ts'

const logits = (...values: number[]): Float32Array => Float32Array.from(values)

test('the most probable come first, with their softmax', () => {
  // e¹, e³ and e² over their sum
  assert.deepEqual(pickTopK(logits(1, 3, 2), 2), [
    [1, 0.665241],
    [2, 0.244728],
  ])
})

test('equal ones come by index', () => {
  const indexes = pickTopK(logits(0, 5, 0, 5, 5, 0), 6).map(([index]) => index)
  assert.deepEqual(indexes, [1, 3, 4, 0, 2, 5])
})

test('asked for more than there are, it returns all of them, which add up to one', () => {
  const ranked = pickTopK(logits(-1.5, 0, 0.25, 4), 20)
  assert.equal(ranked.length, 4)
  const sum = ranked.reduce((total, [, probability]) => total + probability, 0)
  assert.ok(Math.abs(sum - 1) < 1e-5, String(sum))
})

test('a thousand classes are ranked as a plain sort would', () => {
  const values = Array.from({ length: 1000 }, (_, i) => ((i * 7919) % 1000) / 50)
  const expected = values
    .map((value, index) => ({ value, index }))
    .toSorted((a, b) => b.value - a.value || a.index - b.index)
    .slice(0, 20)
    .map(({ index }) => index)
  assert.deepEqual(
    pickTopK(logits(...values), 20).map(([index]) => index),
    expected,
  )
})

test('logits of any size do not overflow', () => {
  const huge = 3e38
  assert.deepEqual(pickTopK(logits(huge, -huge, 0), 3), [
    [0, 1],
    [1, 0],
    [2, 0],
  ])
  assert.deepEqual(pickTopK(logits(huge, huge), 2), [
    [0, 0.5],
    [1, 0.5],
  ])
  assert.deepEqual(pickTopK(logits(-huge, -huge), 1), [[0, 0.5]])
  assert.deepEqual(pickTopK(logits(1000, 999), 1), [[0, 0.731059]])
})

test('narrowed to some classes, it ranks those alone and leaves their probabilities as they are', () => {
  const all = pickTopK(logits(1, 2, 5, 0, 4), 5)
  assert.deepEqual(
    pickTopK(logits(1, 2, 5, 0, 4), 5, { first: 0, last: 1 }),
    all.filter(([index]) => index <= 1),
  )
  assert.deepEqual(pickTopK(logits(1, 2, 5, 0, 4), 1, { first: 3, last: 4 }), [all[1]])
  assert.deepEqual(pickTopK(logits(1, 2, 5, 0, 4), 9, { first: 3, last: 3 }), [all[4]])
})

test('a logit that is no finite number is refused, not ranked', () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.throws(() => pickTopK(logits(1, bad, 2), 1), RangeError)
  }
})
