import type { ErrorCode } from '@menagerie/contract/errors'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorkerMetrics } from './metrics.ts'
import { startProbeServer, type Health } from './probe-server.ts'

test('readiness follows the state and the queue; liveness follows neither', async (t) => {
  let obstacle: ErrorCode | null = null
  const health: Health = { state: 'starting', findObstacle: async () => obstacle }
  const metrics = createWorkerMetrics({ model: 'test-model', readState: () => health.state })
  const server = await startProbeServer({ health, metrics }, { host: '127.0.0.1', port: 0 })
  t.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const probe = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${address.port}${path}`)
    return { status: answer.status, body: await answer.json() }
  }
  for (const [state, ready] of [
    ['starting', 503],
    ['ready', 200],
    ['draining', 503],
    ['failed', 503],
  ] as const) {
    health.state = state
    assert.deepEqual(await probe('/readyz'), { status: ready, body: { status: state } })
    assert.equal((await probe('/livez')).status, 200)
  }
  assert.equal((await probe('/nothing')).status, 404)

  health.state = 'ready'
  for (obstacle of ['queue_unavailable', 'upload_store_unavailable'] as const) {
    assert.deepEqual(await probe('/readyz'), { status: 503, body: { status: obstacle } })
  }
  assert.equal((await probe('/livez')).status, 200)
})
