import { startTestRedis } from '@menagerie/harness/redis'
import { startGateway, startWorker, type Env } from '@menagerie/harness/processes'
import { Redis } from 'ioredis'
import { createLoopDelayMeter } from './loop-delay.ts'
import { createRawClient } from './raw-client.ts'

// As large as a usual photo.
const BROKEN_PHOTO = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(110_000)])

/** The service as it runs in production: Redis that syncs every write, one gateway, one worker. */
export const startService = async (env: Env) => {
  const redis = await startTestRedis({ durable: true })
  const loopDelay = await createLoopDelayMeter()
  const appEnv = { ...env, REDIS_URL: redis.url, LOG_LEVEL: 'warn' }
  const worker = await startWorker({ ...appEnv, ...loopDelay.env })
  const gateway = await startGateway(appEnv)
  const observer = new Redis(redis.url)
  const client = createRawClient(gateway.url)

  /** One photo through `POST /`; throws unless it is classified. */
  const classify = async (photo: Buffer): Promise<void> => {
    const { status, text } = await client.post(photo)
    if (status !== 200) throw new Error(`the gateway answered ${status}: ${text}`)
  }

  /** Sends what looks like a photo and cannot be decoded: all the way through, but for the inference. */
  const refuse = async (): Promise<void> => {
    const { status } = await client.post(BROKEN_PHOTO)
    if (status !== 422) throw new Error(`the gateway answered ${status} to a broken photo`)
  }

  /** How often Redis has answered or told somebody something so far. */
  const countRedisReplies = async (): Promise<number> =>
    Number(/total_writes_processed:(\d+)/.exec(await observer.info('stats'))?.[1])

  return {
    workerPid: worker.child.pid ?? 0,
    gatewayPid: gateway.child.pid ?? 0,
    redisPid: redis.pid,
    classify,
    refuse,
    countRedisReplies,
    /** Event-loop delay of the worker's main thread since the last call, 99th percentile, ms. */
    readWorkerLoopP99Ms: () => loopDelay.readP99Ms(worker),
    async stop() {
      client.close()
      observer.disconnect()
      await gateway.stop()
      await worker.stop()
      await redis.stop()
      await loopDelay.remove()
    },
  }
}
