import { makeForm } from '@menagerie/harness/form'
import { readTestPicture } from '@menagerie/harness/pictures'
import {
  isReady,
  startGateway,
  startWorker,
  testModelEnv,
  waitUntil,
  type AppProcess,
  type Env,
} from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import type { Prediction } from '@menagerie/contract/prediction'
import type { Problem } from '@menagerie/contract/problem'
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

/** OUTAGES_LONG=1: each outage lasts long enough for locks and heartbeats to run out, and comes ten times. */
export const IS_LONG = process.env['OUTAGES_LONG'] === '1'
const OUTAGE_MS = IS_LONG ? 45_000 : 2000
export const ROUNDS = IS_LONG ? 10 : 1

// Each of the four connections of a process may tell that it is gone, and that it is back; its BullMQ classes say
// once that the queue is not there; and each of the two predictions in hand may fail one attempt.
const LINES_MAX = 20
const POST_PAUSE_MS = 250

type Code = 'queue_unavailable' | 'queue_full'

interface LogLine {
  reqId?: string
}

/** Lines that are not about a request: those are as many as there are requests. */
const countLines = (app: AppProcess): number =>
  app
    .log()
    .split('\n')
    .filter((text) => text !== '')
    .filter((text) => !text.startsWith('{') || (JSON.parse(text) as LogLine).reqId === undefined).length

const isAlive = ({ child }: AppProcess): boolean => child.exitCode === null && child.signalCode === null

const statusOf = async (url: string): Promise<number> => {
  const answer = await fetch(url)
  await answer.arrayBuffer()
  return answer.status
}

const expectProblem = async (answer: Response, code: Code): Promise<void> => {
  const text = await answer.text()
  assert.equal(answer.status, 503, text)
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
  assert.equal((JSON.parse(text) as Problem).code, code, text)
  assert.ok(Number(answer.headers.get('retry-after')) > 0)
}

/**
 * A real gateway and a real worker on a Redis that the scenario breaks and mends.
 *
 * @param options.countListeners how many connections Redis announces the ends of predictions to
 */
export const openScene = async (
  t: TestContext,
  changes: Env,
  options: { mustBeReady: boolean; countListeners: () => Promise<number> },
) => {
  const env: Env = {
    ...(await testModelEnv()),
    // The same picture is sent again and again, and is to be classified each time.
    CACHE_TTL: '0',
    INFERENCE_THREADS: '1',
    JOB_LOCK: '3s',
    WEBHOOK_SECRET,
    WEBHOOK_ALLOW_PRIVATE: '1',
    ...changes,
  }
  const receiver = await startWebhookReceiver()
  t.after(() => receiver.stop())
  const picture = await readTestPicture()
  const gateway = await startGateway(env, options)
  t.after(() => gateway.kill('SIGKILL'))
  const worker = await startWorker(env, options)
  t.after(() => worker.kill('SIGKILL'))
  const both = [gateway, worker]
  for (const { url } of both) {
    await waitUntil(`${url} listens`, () =>
      fetch(`${url}/livez`).then(
        ({ ok }) => ok,
        () => false,
      ),
    )
  }

  const post = (fields: Record<string, string> = {}): Promise<Response> =>
    fetch(`${gateway.url}/v1/predictions`, { method: 'POST', body: makeForm(picture, fields) })
  /** Null while it cannot be read. */
  const read = async (id: string): Promise<Prediction | null> => {
    const answer = await fetch(`${gateway.url}/v1/predictions/${id}`)
    const body: unknown = await answer.json()
    return answer.ok ? (body as Prediction) : null
  }

  /** As a client that tries again when it is told to: sentinels tell of a new master one after the other. */
  const submitOne = async (fields: Record<string, string>): Promise<string> => {
    let id = ''
    await waitUntil('it is accepted', async () => {
      const answer = await post(fields)
      const text = await answer.text()
      if (answer.status === 202) id = (JSON.parse(text) as Prediction).id
      else assert.equal(answer.status, 503, text)
      return id !== ''
    })
    return id
  }
  const submit = (count: number, fields: Record<string, string> = {}): Promise<string[]> =>
    Promise.all(Array.from({ length: count }, () => submitOne(fields)))

  /**
   * For as long as an outage lasts, the gateway says that it can take nothing, and refuses it politely; so does the
   * worker, but where Redis is only full.
   */
  const endure = async (code: Code): Promise<void> => {
    const isWorkerReady = code === 'queue_full'
    await Promise.all([
      waitUntil('the gateway is not ready', async () => !(await isReady(gateway.url))),
      waitUntil('the worker knows', async () => (await isReady(worker.url)) === isWorkerReady),
    ])
    const endsAt = performance.now() + OUTAGE_MS
    do {
      await expectProblem(await post(), code)
      await sleep(POST_PAUSE_MS)
    } while (performance.now() < endsAt)
    await expectProblem(await fetch(`${gateway.url}/readyz`), code)
    assert.equal(await isReady(worker.url), isWorkerReady)
    for (const app of both) assert.equal(await statusOf(`${app.url}/livez`), 200)
  }

  const expectSuccess = async (ids: string[]): Promise<void> => {
    let ended: Array<Prediction | null> = []
    await waitUntil('all predictions have ended', async () => {
      ended = await Promise.all(ids.map(read))
      return ended.every((one) => one !== null && one.status !== 'queued' && one.status !== 'processing')
    })
    assert.ok(
      ended.every((one) => one?.status === 'succeeded'),
      `${JSON.stringify(ended)}\n${worker.log()}`,
    )
  }

  const waitForBeginning = (ids: string[]): Promise<void> =>
    waitUntil('a worker has begun', async () => {
      const reads = await Promise.all(ids.map(read))
      return reads.some((one) => one !== null && one.status !== 'queued')
    })

  /** Both are ready again by themselves; what was accepted before succeeds, and so does what comes now. */
  const expectRecovery = async (ids: string[]): Promise<void> => {
    for (const app of both) {
      await waitUntil(`${app.url} is ready again`, () => isReady(app.url)).catch((cause: unknown) => {
        throw new Error(`not ready again:\n${app.log()}`, { cause })
      })
    }
    await waitUntil('the gateway listens', async () => (await options.countListeners()) === 1)
    const webhooks = receiver.received.length
    await expectSuccess([...ids, ...(await submit(2)), ...(await submit(1, { webhook: receiver.url }))])
    await waitUntil('the webhook is there', () => receiver.received.length > webhooks)
    assert.ok(both.every(isAlive))
  }

  return {
    gateway,
    worker,
    post,
    submit,
    endure,
    expectRecovery,
    expectSuccess,
    waitForBeginning,
    /**
     * One outage, or ten with OUTAGES_LONG: predictions are under way when it begins, and nobody is restarted, but who
     * has to be for it to begin or end.
     */
    async goThrough(outage: {
      /** Gets the predictions that are under way. */
      begin: (ids: string[]) => Promise<unknown>
      /** Gets them too. */
      end: (ids: string[]) => Promise<unknown>
      code?: Code
      jobs?: number
    }): Promise<void> {
      for (let round = 0; round < ROUNDS; round++) {
        const ids = await submit(outage.jobs ?? 8)
        const before = both.map(countLines)
        await outage.begin(ids)
        await endure(outage.code ?? 'queue_unavailable')
        await outage.end(ids)
        await expectRecovery(ids)
        for (const [i, app] of both.entries()) {
          const lines = countLines(app) - (before[i] ?? 0)
          t.diagnostic(`${lines} log lines`)
          assert.ok(lines <= LINES_MAX, `${lines} lines:\n${app.log()}`)
        }
      }
    },
  }
}
