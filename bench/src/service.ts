import { startTestRedis } from '@menagerie/harness/redis'
import { startGateway, startWorker, type Env } from '@menagerie/harness/processes'
import { Pool } from 'undici'

const CONNECTIONS = 64
const BOUNDARY = 'menagerie-bench'
const FORM_HEADERS = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
const FORM_HEAD = Buffer.from(
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`,
)
const FORM_TAIL = Buffer.from(`\r\n--${BOUNDARY}--\r\n`)

/** The service as it runs in production: Redis that syncs every write, one gateway, one worker. */
export const startService = async (modelEnv: Env, threads: number) => {
  const redis = await startTestRedis({ durable: true })
  const env = { ...modelEnv, REDIS_URL: redis.url, LOG_LEVEL: 'warn' }
  const worker = await startWorker({ ...env, INFERENCE_THREADS: String(threads) })
  const gateway = await startGateway(env)

  // The client runs on the same cores, so it is kept cheap: one keep-alive pool, and bodies made once.
  const pool = new Pool(gateway.url, { connections: CONNECTIONS })
  const bodies = new Map<Buffer, Buffer>()
  const bodyOf = (photo: Buffer): Buffer => {
    const known = bodies.get(photo) ?? Buffer.concat([FORM_HEAD, photo, FORM_TAIL])
    bodies.set(photo, known)
    return known
  }

  /** One photo through `POST /`, as the old clients do it; throws unless it is classified. */
  const classify = async (photo: Buffer): Promise<void> => {
    const answer = await pool.request({
      path: '/',
      method: 'POST',
      headers: FORM_HEADERS,
      body: bodyOf(photo),
    })
    const text = await answer.body.text()
    if (answer.statusCode !== 200) throw new Error(`the gateway answered ${answer.statusCode}: ${text}`)
  }

  return {
    classify,
    async stop() {
      await pool.close()
      await gateway.stop()
      await worker.stop()
      await redis.stop()
    },
  }
}
