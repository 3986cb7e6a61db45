import { startWorker, type Env } from '@menagerie/harness/processes'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'

const POLL_MS = 5
const START_TIMEOUT_MS = 60_000

export interface StartTime {
  /** From starting the process to the first 200 of `/readyz`. */
  readyMs: number
  /** From starting the process to the log line that says that the model was found. */
  modelFoundMs: number
}

const readLoggedAt = (log: string, message: string): number => {
  const line = log.split('\n').find((text) => text.includes(`"msg":"${message}"`))
  return line === undefined ? Number.NaN : Date.parse(String(JSON.parse(line).time))
}

/** Starts a worker process, waits until it is ready, and stops it. */
export const timeStart = async (env: Env): Promise<StartTime> => {
  const startedAt = Date.now()
  const start = performance.now()
  const worker = await startWorker({ ...env, LOG_LEVEL: 'info' }, { mustBeReady: false })
  const probes = new Pool(worker.url)
  const isReady = async (): Promise<boolean> => {
    const answer = await probes.request({ path: '/readyz', method: 'GET' }).catch(() => null)
    await answer?.body.dump()
    return answer?.statusCode === 200
  }
  try {
    while (!(await isReady())) {
      if (worker.child.exitCode !== null || performance.now() - start > START_TIMEOUT_MS) {
        throw new Error(`the worker does not become ready:\n${worker.log()}`)
      }
      await sleep(POLL_MS)
    }
    const readyMs = performance.now() - start
    return { readyMs, modelFoundMs: readLoggedAt(worker.log(), 'model found') - startedAt }
  } finally {
    await probes.close()
    await worker.stop()
  }
}
