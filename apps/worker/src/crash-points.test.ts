/**
 * A worker may die between any two of its Redis commands. It is given a job, and Redis is taken away from it after the
 * first command, the second, and so on until it gets through; each time another worker brings the job to its end.
 */
import { startRedisCut } from '@menagerie/harness/redis-cut'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openTestQueue } from './testing/open-test-worker.ts'

const COMMANDS_MAX = 40
const START_WEBHOOK = { url: 'https://example.com/hook', base_url: 'http://127.0.0.1' }
// Soon taken over.
const JOB_LOCK = '1s'

// BullMQ never closes a worker whose Redis was taken away at the wrong moment. A process of its own exits all the same.
after(() => void setTimeout(() => process.exit(), 1000))

/** Gives a job to a worker that dies after so many commands, and then to one that does not. */
const crashAfter = async (commands: number): Promise<{ isThrough: boolean; attempts: number }> => {
  const queue = await openTestQueue()
  try {
    const cut = await startRedisCut(queue.env['REDIS_URL'] ?? '')
    const doomed = await queue.openWorker({ REDIS_URL: cut.url, JOB_LOCK, DRAIN_TIMEOUT: '0s' })
    cut.cutAfter(commands)
    const job = await queue.add(queue.makeData({ start_webhook: START_WEBHOOK }))
    const done = queue.outcomeOf(job)
    while (!cut.isCut() && (await queue.queue.getJob(job.id ?? ''))?.finishedOn === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const isThrough = !cut.isCut()
    await cut.stop()
    await doomed.close()

    const other = await queue.openWorker({ JOB_LOCK })
    const outcome = await done
    await other.close()
    assert.equal((await queue.webhooks.getJobs()).length, 1, 'its start is told once')
    assert.ok('value' in outcome, JSON.stringify(outcome))
    const settled = await queue.queue.getJob(job.id ?? '')
    return { isThrough, attempts: settled?.attemptsMade ?? 0 }
  } finally {
    await queue.close()
  }
}

test('whichever command was its last, another worker brings the job to its end', async (t) => {
  const through: number[] = []
  for (let commands = 1; through.length === 0; commands++) {
    assert.ok(commands < COMMANDS_MAX, 'the job never gets through')
    await t.test(`after ${commands} commands`, async () => {
      const run = await crashAfter(commands)
      if (run.isThrough) through.push(commands)
      assert.equal(run.attempts, 1, 'no attempt is used up by a death')
    })
  }
})
