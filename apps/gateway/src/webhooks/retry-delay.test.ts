import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRetryDelay, DeliveryError, sumDelaysMs } from './retry-delay.ts'

const DELAYS = [5000, 60_000]
const delayAfter = createRetryDelay(DELAYS)

test('each failure is followed by its delay, a little longer at random', () => {
  const drawn = Array.from({ length: 200 }, () => delayAfter(1))
  assert.ok(drawn.every((delayMs) => delayMs >= 5000 && delayMs <= 6000))
  assert.ok(new Set(drawn).size > 100)
  assert.ok(delayAfter(2) >= 60_000)
})

test('after the last delay it is not tried again', () => {
  assert.equal(delayAfter(3), -1)
  assert.equal(delayAfter(3, 'custom', new DeliveryError('x', 5000)), -1)
})

test('a receiver that asks for a longer wait gets it, for a shorter one does not', () => {
  assert.equal(delayAfter(1, 'custom', new DeliveryError('x', 90_000)), 90_000)
  assert.ok(delayAfter(1, 'custom', new DeliveryError('x', 10)) >= 5000)
})

test('no schedule takes longer than its sum', () => {
  assert.ok(sumDelaysMs(DELAYS) >= delayAfter(1) + delayAfter(2))
})
