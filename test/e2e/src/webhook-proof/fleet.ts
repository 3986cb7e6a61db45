import {
  findFreePort,
  startGateway,
  startWorker,
  type AppProcess,
  type Env,
} from '@menagerie/harness/processes'
import { startTestRedis } from '@menagerie/harness/redis'
import { writeTinyModel } from '@menagerie/inference/testing/write-tiny-model'
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

const MODEL = 'quick-means'

interface Seat {
  process: AppProcess
  /** SIGKILL, and a new one in its place. */
  killAndRestart(): Promise<void>
}

/** A Redis that loses nothing, two gateways and two workers, each in a place of its own. All end with the test. */
export const startFleet = async (t: TestContext, settings: Env) => {
  const redis = await startTestRedis({ durable: true })
  t.after(() => redis.stop())
  const modelDir = await mkdtemp(join(tmpdir(), 'menagerie-models-'))
  t.after(() => rm(modelDir, { recursive: true, force: true }))
  await writeTinyModel(modelDir, MODEL)
  const env: Env = {
    MODEL,
    MODEL_DIR: modelDir,
    MODEL_DOWNLOAD: '0',
    REDIS_URL: redis.url,
    LOG_LEVEL: 'error',
    // The same picture comes again and again, and is to be classified each time.
    CACHE_TTL: '0',
    ...settings,
  }
  const sit = async (start: () => Promise<AppProcess>): Promise<Seat> => {
    const seat: Seat = {
      process: await start(),
      async killAndRestart() {
        await seat.process.kill('SIGKILL')
        seat.process = await start()
      },
    }
    t.after(() => seat.process.kill('SIGKILL'))
    return seat
  }
  const workerEnv = { ...env, INFERENCE_THREADS: '1', JOB_LOCK: '1s' }
  const ports = [String(await findFreePort()), String(await findFreePort())]
  const startGateways = (changes: Env = {}): Promise<Seat[]> =>
    Promise.all(ports.map((PORT) => sit(() => startGateway({ ...env, ...changes, PORT }))))

  const workers = await Promise.all([1, 2].map(() => sit(() => startWorker(workerEnv))))
  const gateways = await startGateways()
  return {
    gatewayUrls: gateways.map(({ process }) => process.url),
    seats: [workers[0], gateways[0], workers[1], gateways[1]].filter((seat) => seat !== undefined),
    /** Stops the gateways in good order, and starts others with these settings. */
    async replaceGateways(changes: Env): Promise<void> {
      for (const { process } of gateways) assert.equal(await process.stop(), 0, process.log())
      await startGateways(changes)
    },
  }
}
