import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { buildHttpCase } from './build-http-case.ts'

const NUMBERS = Array.from({ length: 2000 }, (_, i) => i)

test('a case depends on the seed and its number, not on what was made before it', () => {
  const forwards = NUMBERS.map((number) => buildHttpCase(1, number))
  const backwards = NUMBERS.toReversed().map((number) => buildHttpCase(1, number))
  assert.deepEqual(backwards.toReversed(), forwards)
})

test('another seed makes other cases', () => {
  const same = NUMBERS.filter((number) =>
    buildHttpCase(1, number).bytes.equals(buildHttpCase(2, number).bytes),
  )
  assert.ok(same.length < NUMBERS.length / 20, String(same.length))
})

test('the cases of seed 1 are the same on every machine', () => {
  const hash = createHash('sha256')
  for (const number of NUMBERS) hash.update(buildHttpCase(1, number).bytes)
  // It changes with the cases. Then those that were noted by number mean others.
  assert.equal(hash.digest('hex'), 'f76f402edc60a2e359e52ef98da21c3cf85c104a68d967c8b7a2456c0a754ef9')
})

test('a hidden request is never in a case that may send it openly', () => {
  const hidden = NUMBERS.map((number) => buildHttpCase(1, number)).filter(
    ({ hiddenPath }) => hiddenPath !== undefined,
  )
  assert.ok(hidden.length > 100, String(hidden.length))
  for (const { description } of hidden) assert.match(description, /^smuggle: /)
})
