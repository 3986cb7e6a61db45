import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planLayouts } from './candidates.ts'

test('no layout has more threads than there are cores, and both modes are tried on all of them', () => {
  for (let budget = 1; budget <= 64; budget++) {
    const layouts = planLayouts(budget)
    for (const { threads, intraOpThreads } of layouts) assert.ok(threads * intraOpThreads <= budget)
    const sessions = layouts.map(({ threads, intraOpThreads }) => `${threads}×${intraOpThreads}`)
    assert.ok(sessions.includes(`${budget}×1`) && sessions.includes(`1×${budget}`))
    assert.equal(new Set(sessions).size, sessions.length)
  }
})

test('every layout is tried with a job for each session and with more, each number once', () => {
  for (const budget of [1, 2, 3, 16]) {
    for (const { threads, concurrencies } of planLayouts(budget)) {
      assert.equal(concurrencies[0], threads)
      assert.deepEqual(
        concurrencies,
        [...new Set(concurrencies)].toSorted((a, b) => a - b),
      )
      assert.equal(concurrencies.length, 3)
    }
  }
})
