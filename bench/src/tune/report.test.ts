import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBest, pickForLatency, pickForThroughput, type Measured } from './report.ts'

const wide: Measured = {
  layout: { mode: 'throughput', cores: 2, threads: 2, intraOpThreads: 1, concurrencies: [3] },
  concurrency: 3,
  rate: 30,
  p50Ms: 100,
  p99Ms: 120,
  aloneMs: 70,
}
const deep: Measured = {
  ...wide,
  layout: { mode: 'latency', cores: 2, threads: 1, intraOpThreads: 2, concurrencies: [2] },
  concurrency: 2,
  rate: 22,
  aloneMs: 45,
}

test('throughput goes by images per second, latency by an image alone', () => {
  assert.equal(pickForThroughput([deep, wide]), wide)
  assert.equal(pickForLatency([wide, deep]), deep)
})

test('what differs by noise alone is decided by the other virtue', () => {
  const crowded = { ...wide, concurrency: 4, rate: 30.3, p50Ms: 130 }
  assert.equal(pickForThroughput([crowded, wide]), wide)
  const idle = { ...deep, concurrency: 1, rate: 18, aloneMs: 44.8 }
  assert.equal(pickForLatency([idle, deep]), deep)
})

test('the best of each is printed with its settings', () => {
  assert.equal(
    formatBest([wide, deep]),
    [
      '# throughput: 30.0 images/s, p50 100 ms',
      'INFERENCE_MODE=throughput INFERENCE_THREADS=2 JOB_CONCURRENCY=3',
      '# latency: 45 ms alone, 22.0 images/s',
      'INFERENCE_MODE=latency INFERENCE_THREADS=2 JOB_CONCURRENCY=2',
    ].join('\n'),
  )
})
