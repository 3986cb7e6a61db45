import assert from 'node:assert/strict'
import { test } from 'node:test'
import { INFERENCE_MODES, planThreads } from './plan-threads.ts'

test('throughput is a session per core, latency one session on all cores; neither has more threads than cores', () => {
  assert.deepEqual(planThreads('throughput', 4), { threads: 4, intraOpThreads: 1 })
  assert.deepEqual(planThreads('latency', 4), { threads: 1, intraOpThreads: 4 })
  for (const mode of INFERENCE_MODES) {
    assert.deepEqual(planThreads(mode, 1), { threads: 1, intraOpThreads: 1 })
  }
})
