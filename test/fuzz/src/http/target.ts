import { predictQueueName } from '@menagerie/contract/job'
import { findFreePort, startGateway, type AppProcess, type Env } from '@menagerie/harness/processes'
import { startTestRedis } from '@menagerie/harness/redis'
import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OPERATOR_KEY } from './base-requests.ts'
import { CLIENT_SECRET } from './hostile-text.ts'

const MODEL = 'fuzz-model'
const PREFIX = 'menagerie'

/** What must never be in the log. */
export const SECRETS = [OPERATOR_KEY, WEBHOOK_SECRET, CLIENT_SECRET]

const makeEnv = (redisUrl: string, port: number): Env => ({
  REDIS_URL: redisUrl,
  PORT: String(port),
  MODEL,
  OPERATOR_KEY,
  WEBHOOK_SECRET,
  // No worker is there to answer, and slow clients are to be seen off soon.
  SYNC_TIMEOUT: '200ms',
  REQUEST_TIMEOUT: '2s',
  UPLOAD_BYTES_MAX: '200000',
  NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, 'watch-prototypes.js')).href}`,
})

/** A gateway process and its Redis, to be sent anything at all. */
export const openTarget = async () => {
  const redisServer = await startTestRedis()
  const port = await findFreePort()
  const env = makeEnv(redisServer.url, port)
  const start = (): Promise<AppProcess> => startGateway(env)
  let gateway = await start()
  let earlierLogs = ''
  const redis = new Redis(redisServer.url)
  const queue = new Queue(predictQueueName(MODEL), { connection: redis, prefix: PREFIX })
  const isAlive = (): boolean => gateway.child.exitCode === null && gateway.child.signalCode === null

  return {
    port,
    url: gateway.url,
    pid: () => gateway.child.pid ?? 0,
    isAlive,
    /** Of all the gateways that there were. */
    log: () => `${earlierLogs}${gateway.log()}`,
    /** A new gateway after a crash; says how the old one ended. */
    async restart(): Promise<string> {
      const { exitCode, signalCode } = gateway.child
      earlierLogs += gateway.log()
      const lastWords = gateway.log().slice(-2000)
      gateway = await start()
      return `${signalCode ?? `exit code ${exitCode}`}\n${lastWords}`
    },
    /** Pictures and jobs that are in Redis. */
    async countStored() {
      const uploads = await redis.keys(`${PREFIX}:upload:*`)
      const jobs = await queue.getJobCountByTypes(
        'waiting',
        'prioritized',
        'delayed',
        'active',
        'waiting-children',
      )
      return { uploads: uploads.length, jobs }
    },
    /** The exit code of the gateway. */
    async stop(): Promise<number | null> {
      const code = await gateway.stop()
      await queue.close()
      redis.disconnect()
      await redisServer.stop()
      return code
    },
  }
}
export type Target = Awaited<ReturnType<typeof openTarget>>
