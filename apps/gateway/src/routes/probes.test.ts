import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestGateway } from '../testing/open-test-gateway.ts'

test('a gateway with a Redis that takes writes is alive and ready, with or without workers', async (t) => {
  const gateway = await openTestGateway(t)
  for (const [path, status] of [
    ['/livez', 'alive'],
    ['/readyz', 'ready'],
  ] as const) {
    const answer = await fetch(`${gateway.url}${path}`)
    assert.equal(answer.status, 200)
    assert.deepEqual(await answer.json(), { status })
  }
})
