import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { makeForm } from '@menagerie/harness/form'
import { startGateway, startWorker, testModelEnv, waitUntil, type Env } from '@menagerie/harness/processes'
import { startTestRedis } from '@menagerie/harness/redis'
import type { Prediction } from '@menagerie/contract/prediction'
import type { TestContext } from 'node:test'

/** A real Redis that loses nothing and a real gateway; workers are started by the scenario. All end with the test. */
export const startService = async (t: TestContext, changes: Env = {}) => {
  const redis = await startTestRedis({ durable: true })
  t.after(() => redis.stop())
  const env: Env = {
    ...(await testModelEnv()),
    REDIS_URL: redis.url,
    // The same picture is sent again and again, and is to be classified each time.
    CACHE_TTL: '0',
    WEBHOOK_SECRET,
    WEBHOOK_ALLOW_PRIVATE: '1',
    WEBHOOK_RETRY_DELAYS: '500ms,1s,2s',
    ...changes,
  }
  const gateway = await startGateway(env)
  t.after(() => gateway.stop())

  const read = async (id: string, waitSeconds = 0): Promise<Prediction> => {
    const answer = await fetch(`${gateway.url}/v1/predictions/${id}?wait=${waitSeconds}`)
    return (await answer.json()) as Prediction
  }
  return {
    redis,
    env,
    gateway,
    read,
    startWorker: async (workerChanges: Env = {}, options = { mustBeReady: true }) => {
      const worker = await startWorker({ ...env, ...workerChanges }, options)
      t.after(() => worker.kill('SIGKILL'))
      return worker
    },
    /** Asks for a prediction and returns it as accepted. */
    async submit(picture: Uint8Array, fields: Record<string, string> = {}): Promise<Prediction> {
      const answer = await fetch(`${gateway.url}/v1/predictions`, {
        method: 'POST',
        body: makeForm(picture, fields),
      })
      if (answer.status !== 202) throw new Error(`not accepted: ${answer.status} ${await answer.text()}`)
      return (await answer.json()) as Prediction
    },
    /** Waits until all have ended. */
    async waitForAll(ids: string[]): Promise<Prediction[]> {
      await waitUntil('all predictions have ended', async () => {
        const all = await Promise.all(ids.map((id) => read(id)))
        return all.every(({ status }) => status !== 'queued' && status !== 'processing')
      })
      return Promise.all(ids.map((id) => read(id)))
    },
  }
}
