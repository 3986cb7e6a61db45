// A picture that kills every worker that runs it fails as worker_lost after three deaths. Those that happened to be in
// the same hands succeed, however often their worker died.
import { predictQueueName } from '@menagerie/contract/job'
import { OPEN_RUNS_FIELD } from '@menagerie/contract/job-record'
import { makeJpeg, readTestPicture } from '@menagerie/harness/pictures'
import { waitUntil } from '@menagerie/harness/processes'
import { jobKey } from '@menagerie/shared/keys'
import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startService } from './service.ts'

const OTHERS = 6
const DEATHS_MAX = 3

test('what kills its workers ends as worker_lost, and takes nobody with it', async (t) => {
  const service = await startService(t)
  const redis = new Redis(service.redis.url)
  redis.on('error', () => undefined)
  t.after(() => redis.disconnect())
  // Large, so that there is time to kill the worker that decodes it.
  const deadly = await service.submit(await makeJpeg({ width: 6000, height: 4000 }))
  const picture = await readTestPicture()
  const others = await Promise.all(Array.from({ length: OTHERS }, () => service.submit(picture)))

  const key = jobKey('menagerie', predictQueueName(deadly.model.name), deadly.id)
  const countRuns = async (): Promise<number> => Number((await redis.hget(key, OPEN_RUNS_FIELD)) ?? 0)
  const startWorker = () => service.startWorker({ INFERENCE_THREADS: '2', JOB_LOCK: '1s' })

  for (let deaths = 0; deaths < DEATHS_MAX; deaths++) {
    const worker = await startWorker()
    await waitUntil('it runs once more', async () => (await countRuns()) === deaths + 1)
    await worker.kill('SIGKILL')
  }
  const last = await startWorker()
  const [ended, ...rest] = await service.waitForAll([deadly, ...others].map(({ id }) => id))
  assert.equal(ended?.status, 'failed')
  assert.equal(ended.error?.code, 'worker_lost')
  assert.deepEqual(
    rest.map(({ status }) => status),
    others.map(() => 'succeeded'),
  )
  assert.equal(await last.stop(), 0, last.log())
})
