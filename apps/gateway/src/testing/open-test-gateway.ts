import { predictQueueName } from '@menagerie/contract/job'
import { waitUntil } from '@menagerie/harness/processes'
import { createLogger } from '@menagerie/shared/logger'
import { createConsumerRedis } from '@menagerie/shared/redis'
import { Queue } from 'bullmq'
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { loadConfig } from '../config.ts'
import { openGateway } from '../open-gateway.ts'
import { atEnd } from './at-end.ts'

export const MODEL = 'test-model'

const createMemoryLog = () => {
  const lines: string[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString())
      done()
    },
  })
  return { log: createLogger({ service: 'gateway', level: 'debug' }, sink), text: () => lines.join('') }
}

const sharedRedisUrl = (): string => {
  const url = process.env['TEST_REDIS_URL']
  if (url === undefined) throw new Error('TEST_REDIS_URL is not set; run the tests with pnpm test')
  return url
}

/**
 * The real gateway, listening on a free port of the loopback, with keys of its own in the Redis of the test run
 * (or in `REDIS_URL` of `env`). Closed when the test ends.
 */
export const openTestGateway = async (
  t: TestContext,
  env: Record<string, string> = {},
  options = { mustBeReady: true },
) => {
  const prefix = env['REDIS_PREFIX'] ?? `test-${randomUUID()}`
  const redisUrl = env['REDIS_URL'] ?? sharedRedisUrl()
  const config = loadConfig({ MODEL, ...env, REDIS_URL: redisUrl, REDIS_PREFIX: prefix, PORT: '0' })
  const { log, text } = createMemoryLog()

  // The test's own view of Redis: without a bound on retries, as some tests take Redis away.
  const redis = createConsumerRedis({ url: redisUrl, name: 'test', log: pino({ level: 'silent' }) })
  atEnd(t, 'test redis', () => redis.disconnect())
  const queue = new Queue(predictQueueName(config.defaultModel), { connection: redis, prefix })
  queue.on('error', () => undefined)

  const gateway = await openGateway(config, log)
  atEnd(t, 'gateway', () => gateway.close())
  await gateway.app.listen(config.listen)
  const { port } = gateway.app.server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  // Without a connection, as some tests count those.
  const isReady = async () => (await gateway.app.inject('/readyz')).statusCode === 200
  if (options.mustBeReady) await waitUntil('the gateway is ready', isReady)

  return {
    url,
    app: gateway.app,
    close: () => gateway.close(),
    config,
    prefix,
    redisUrl,
    redis,
    /** BullMQ's own view of the queue of the default model. */
    queue,
    /** What this gateway was opened with. */
    env: { MODEL, ...env, REDIS_URL: redisUrl, REDIS_PREFIX: prefix },
    /** Everything logged so far. */
    logText: text,
    /** Keys of the pictures that are stored. */
    listUploads: () => redis.keys(`${prefix}:upload:*`),
    /** How many connections the HTTP server has open. */
    countConnections: () =>
      new Promise<number>((resolve, reject) => {
        gateway.app.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
      }),
  }
}
export type TestGateway = Awaited<ReturnType<typeof openTestGateway>>
