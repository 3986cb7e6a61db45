import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelInput } from '@menagerie/contract/model-manifest'
import { createNormalizer } from './normalize.ts'
import { MOBILENET_INPUT } from './testing/fixtures.ts'

/** Four pixels, two by two: red, green, blue, and one of three different values. */
const PIXELS = Uint8Array.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30])

const assertClose = (actual: Float32Array, planes: number[][]): void => {
  const expected = planes.flat()
  assert.equal(actual.length, expected.length)
  for (const [i, value] of expected.entries()) {
    assert.ok(Math.abs((actual[i] ?? Number.NaN) - value) < 1e-4, `[${i}] ${actual[i]} is not ${value}`)
  }
}

test('RGB, scale, mean and std of torchvision: one plane after the other', () => {
  const normalize = createNormalizer({ ...MOBILENET_INPUT, crop: 2 })
  assertClose(normalize(PIXELS), [
    [2.248908, -2.117904, -2.117904, -1.946652],
    [-2.035714, 2.428571, -2.035714, -1.685574],
    [-1.804444, -1.804444, 2.64, -1.281568],
  ])
})

const CAFFE: ModelInput = {
  ...MOBILENET_INPUT,
  channels: 'BGR',
  crop: 2,
  scale: 1,
  mean: [103.94, 116.78, 123.68],
  std: [1 / 0.017, 1 / 0.017, 1 / 0.017],
}

test('BGR: the first plane is blue, and mean and std count in that order', () => {
  assertClose(createNormalizer(CAFFE)(PIXELS), [
    [-103.94, -103.94, 151.06, -73.94].map((value) => value * 0.017),
    [-116.78, 138.22, -116.78, -96.78].map((value) => value * 0.017),
    [131.32, -123.68, -123.68, -113.68].map((value) => value * 0.017),
  ])
})

test('every byte value has its place in the table', () => {
  const input: ModelInput = { ...MOBILENET_INPUT, crop: 16, scale: 1, mean: [0, 1, 2], std: [1, 2, 4] }
  const pixels = Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3))
  const tensor = createNormalizer(input)(pixels)
  for (let value = 0; value < 256; value++) {
    assert.equal(tensor[value], value)
    assert.equal(tensor[256 + value], (value - 1) / 2)
    assert.equal(tensor[512 + value], (value - 2) / 4)
  }
})

test('each call returns a tensor of its own', () => {
  const normalize = createNormalizer({ ...MOBILENET_INPUT, crop: 2 })
  const first = normalize(PIXELS)
  const copy = Float32Array.from(first)
  normalize(new Uint8Array(12))
  assert.deepEqual(first, copy)
})

test('another number of bytes is refused, with both numbers', () => {
  const normalize = createNormalizer({ ...MOBILENET_INPUT, crop: 2 })
  for (const length of [0, 4, 11, 13, 16]) {
    assert.throws(
      () => normalize(new Uint8Array(length)),
      new RangeError(`expected 12 bytes of pixels, got ${length}`),
    )
  }
})
