import { startTestRedis } from '@menagerie/harness/redis'
import { startGateway, startWorker, type Env } from '@menagerie/harness/processes'
import { Pool } from 'undici'

const CONNECTIONS = 64
const PHOTO_HEADERS = { 'content-type': 'image/jpeg' }
// As large as a usual photo.
const BROKEN_PHOTO = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(110_000)])

/** The service as it runs in production: Redis that syncs every write, one gateway, one worker. */
export const startService = async (modelEnv: Env, threads: number) => {
  const redis = await startTestRedis({ durable: true })
  const env = { ...modelEnv, REDIS_URL: redis.url, LOG_LEVEL: 'warn' }
  const worker = await startWorker({ ...env, INFERENCE_THREADS: String(threads) })
  const gateway = await startGateway(env)

  // The client runs on the same cores, so it is kept cheap: raw bodies over one keep-alive pool.
  const pool = new Pool(gateway.url, { connections: CONNECTIONS })

  const post = async (photo: Buffer): Promise<{ status: number; text: string }> => {
    const answer = await pool.request({
      path: '/',
      method: 'POST',
      headers: PHOTO_HEADERS,
      body: photo,
    })
    return { status: answer.statusCode, text: await answer.body.text() }
  }

  /** One photo through `POST /`; throws unless it is classified. */
  const classify = async (photo: Buffer): Promise<void> => {
    const { status, text } = await post(photo)
    if (status !== 200) throw new Error(`the gateway answered ${status}: ${text}`)
  }

  /** Sends what looks like a photo and cannot be decoded: all the way through, but for the inference. */
  const refuse = async (): Promise<void> => {
    const { status } = await post(BROKEN_PHOTO)
    if (status !== 422) throw new Error(`the gateway answered ${status} to a broken photo`)
  }

  return {
    workerPid: worker.child.pid ?? 0,
    classify,
    refuse,
    async stop() {
      await pool.close()
      await gateway.stop()
      await worker.stop()
      await redis.stop()
    },
  }
}
