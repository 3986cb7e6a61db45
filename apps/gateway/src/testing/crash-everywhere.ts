import { waitUntil } from '@menagerie/harness/processes'
import { startRedisCut } from '@menagerie/harness/redis-cut'
import assert from 'node:assert/strict'
import { after, type TestContext } from 'node:test'
import { registerFakeWorker } from './fake-worker.ts'
import { openTestGateway, type TestGateway } from './open-test-gateway.ts'
import { sweepNow } from './sweep-now.ts'

export const OPERATOR_KEY = 'the-key-of-the-operator'
const ENV = { OPERATOR_KEY, CACHE_TTL: '0', SWEEP_INTERVAL: '1h' }
const COMMANDS_MAX = 40

// BullMQ never closes a worker whose Redis was taken away at the wrong moment. A process of its own exits all the same.
after(() => void setTimeout(() => process.exit(), 1000))

export interface Scene {
  /** Crashes in the middle of the call. */
  doomed: TestGateway
  /** On the same Redis, and stays. */
  other: TestGateway
}

/**
 * Plays a call with a crash after 0, 1, 2 … commands.
 *
 * @param call resolves with the answer, or rejects when there is none
 * @param check sees the answer, null when there was none or an error
 */
export const crashEverywhere = async <T>(
  t: TestContext,
  env: Record<string, string>,
  prepare: (scene: Scene) => Promise<T>,
  call: (scene: Scene, prepared: T) => Promise<Response>,
  check: (scene: Scene, prepared: T, answer: Response | null) => Promise<void>,
): Promise<void> => {
  for (let commands = 0; ; commands++) {
    assert.ok(commands < COMMANDS_MAX, 'the call never gets through')
    const other = await openTestGateway(t, { ...ENV, ...env })
    await registerFakeWorker(t, other)
    const cut = await startRedisCut(other.redisUrl)
    const doomed = await openTestGateway(t, { ...other.env, REDIS_URL: cut.url })
    const scene = { doomed, other }
    const prepared = await prepare(scene)
    cut.cutAfter(commands)
    const answer = await call(scene, prepared).catch(() => null)
    const isThrough = !cut.isCut()
    await cut.stop()
    await doomed.close().catch(() => undefined)
    if (isThrough) assert.ok(answer?.ok, `without a crash it works: ${answer?.status}`)
    await t.test(isThrough ? `no crash in ${commands} commands` : `a crash after ${commands} commands`, () =>
      check(scene, prepared, answer?.ok === true ? answer : null),
    )
    await other.close()
    if (isThrough) return
  }
}

/** After the end of everything: no picture, no job that waits for ever. */
export const expectTidy = async ({ other }: Scene): Promise<void> => {
  await waitUntil('every job is settled', async () => {
    const { completed = 0, failed = 0, ...open } = await other.queue.getJobCounts()
    return completed + failed >= 0 && Object.values(open).every((count) => count === 0)
  })
  await sweepNow(other.env)
  assert.deepEqual(await other.listUploads(), [])
}
