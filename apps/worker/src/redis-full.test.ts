/** A full Redis takes nothing new; what a worker has taken it runs, since only that makes room. */
import { OPEN_RUNS_FIELD } from '@menagerie/contract/job-record'
import { startTestRedis } from '@menagerie/harness/redis'
import { NO_TRACING } from '@menagerie/tracing/no-tracing'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endRun, startRun } from './job-start.ts'
import { openTestQueue } from './testing/open-test-worker.ts'

test('a run begins and ends while Redis is full', async (t) => {
  const server = await startTestRedis()
  const queue = await openTestQueue(server.url)
  t.after(async () => {
    await queue.close()
    await server.stop()
  })
  const { redis, uploads, env } = queue
  const deps = { redis, uploads, tracer: NO_TRACING, prefix: env.REDIS_PREFIX }
  const data = queue.makeData()
  const picture = Buffer.from('a picture')
  const job = await queue.add(data, picture)

  await queue.redis.config('SET', 'maxmemory', '1mb')
  await assert.rejects(queue.redis.set(`${deps.prefix}:x`, 'x'), /OOM/)
  const { bytes } = await startRun(deps, job, data, {})
  assert.deepEqual(bytes, picture)
  await endRun(deps, job, data)
  await queue.redis.config('SET', 'maxmemory', '0')
  assert.equal(await queue.redis.hget(queue.queue.toKey(job.id ?? ''), OPEN_RUNS_FIELD), '0')
})
