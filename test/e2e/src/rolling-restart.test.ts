// Everything is restarted, one process after another, under load and behind a balancer that watches readiness: no
// request fails, and nothing that was accepted is lost. While Redis is away gateways answer 503 with Retry-After, which
// clients bridge; all other restarts they do not notice.
import { startBalancer } from '@menagerie/harness/balancer'
import { readTestPicture } from '@menagerie/harness/pictures'
import {
  findFreePort,
  isReady,
  startGateway,
  startWorker,
  testModelEnv,
  waitUntil,
} from '@menagerie/harness/processes'
import type { AppProcess, Env } from '@menagerie/harness/processes'
import { startTestRedis } from '@menagerie/harness/redis'
import type { Prediction } from '@menagerie/contract/prediction'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startLoad } from './load.ts'

const CLIENTS_PER_KIND = 3
// Between two restarts, so that each of them happens under load.
const ANSWERS_BETWEEN = 60

/** Whatever of these runs is ended with the test, last started first. */
const startAll = async (t: TestContext) => {
  const redis = await startTestRedis({ durable: true })
  t.after(() => redis.stop())
  const env: Env = {
    ...(await testModelEnv()),
    REDIS_URL: redis.url,
    CACHE_TTL: '0',
    DRAIN_DELAY: '1s',
    INFERENCE_THREADS: '1',
  }
  const track = async (starting: Promise<AppProcess>): Promise<AppProcess> => {
    const started = await starting
    t.after(() => started.kill('SIGKILL'))
    return started
  }
  const ports = [String(await findFreePort()), String(await findFreePort())]
  return {
    redis,
    workers: [1, 2].map(() => () => track(startWorker(env))),
    gateways: ports.map((PORT) => () => track(startGateway(Object.assign({}, env, { PORT })))),
  }
}

test('a rolling restart of every process under load', async (t) => {
  const { redis, workers, gateways } = await startAll(t)
  const starts = [...workers, ...gateways]
  const running = await Promise.all(starts.map((start) => start()))
  const urls = running.slice(workers.length).map(({ url }) => url)
  const balancer = await startBalancer(urls)
  t.after(() => balancer.stop())

  let isRedisAway = false
  const load = startLoad(balancer.url, await readTestPicture(), {
    clientsPerKind: CLIENTS_PER_KIND,
    mayRetry: () => isRedisAway,
  })
  const underLoad = async (): Promise<void> => {
    const before = load.countAnswers()
    await waitUntil('clients are answered', () => load.countAnswers() >= before + ANSWERS_BETWEEN)
  }
  const report = (phase: string): void => {
    const { answers, classified, retries, failures, accepted } = load
    t.diagnostic(
      `${phase}: ${JSON.stringify({ answers, classified, retries, accepted: accepted.size, failures: failures.length })}`,
    )
  }

  await underLoad()
  for (const [i, start] of starts.entries()) {
    const old = running[i]
    assert.equal(await old?.stop(), 0, old?.log())
    running[i] = await start()
    await underLoad()
    report(`process ${i + 1} of ${starts.length} restarted`)
  }
  assert.deepEqual(load.failures, [])

  isRedisAway = true
  redis.kill('SIGTERM')
  await redis.exited
  await waitUntil('a client is told to come again', () => load.retries > 0)
  const again = await startTestRedis({ durable: true, dir: redis.dir, port: redis.port })
  t.after(() => again.stop())
  for (const url of urls) await waitUntil('the gateway is ready again', () => isReady(url))
  await underLoad()
  isRedisAway = false
  await underLoad()
  await load.stop()
  report('redis restarted')
  assert.deepEqual(load.failures, [])

  for (const id of load.accepted) {
    const answer = await fetch(`${balancer.url}/v1/predictions/${id}`)
    assert.equal(((await answer.json()) as Prediction).status, 'succeeded', id)
  }
  for (const process of running) assert.equal(await process.stop(), 0, process.log())
})
