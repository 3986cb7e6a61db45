import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { buildCase } from './build-case.ts'
import { FIXED_FILES } from './testing/fixed-files.ts'

const NUMBERS = Array.from({ length: 500 }, (_, i) => i)

test('a case depends on the seed and its number, not on what was made before it', () => {
  const forwards = NUMBERS.map((number) => buildCase(1, number, FIXED_FILES))
  const backwards = NUMBERS.toReversed().map((number) => buildCase(1, number, FIXED_FILES))
  assert.deepEqual(backwards.toReversed(), forwards)
})

test('another seed makes other cases', () => {
  const same = NUMBERS.filter((number) =>
    buildCase(1, number, FIXED_FILES).bytes.equals(buildCase(2, number, FIXED_FILES).bytes),
  )
  assert.ok(same.length < NUMBERS.length / 20, String(same.length))
})

test('the cases of seed 1 are the same on every machine', () => {
  const hash = createHash('sha256')
  for (const number of NUMBERS) hash.update(buildCase(1, number, FIXED_FILES).bytes)
  // It changes with the mutators. Then cases that were noted by number mean other files.
  assert.equal(hash.digest('hex'), 'ba3e5834bfde71ebcc77432a6fe15fe832c59c0ca89bad545897adc1b3176401')
})
