import type { Prediction } from '@menagerie/contract/prediction'
import { createApiKey, hashApiKey } from '@menagerie/gateway/tenants/api-key'
import { startGateway } from '@menagerie/harness/processes'
import { startTestRedis } from '@menagerie/harness/redis'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Agent, request } from 'undici'
import { runClosedLoop } from './closed-loop.ts'
import { startSleepingWorker } from './sleeping-worker.ts'
import { median, round } from './statistics.ts'

// What does a flood by one tenant do to another? One floods, the other sends a few at once; then the same few are sent
// as the first one's own, and so stand in line first come, first served.
const { values } = parseArgs({
  options: {
    flood: { type: 'string', default: '5000' },
    burst: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
    'service-ms': { type: 'string', default: '20' },
  },
})
const floodSize = Number(values.flood)
const burstSize = Number(values.burst)
const rounds = Number(values.rounds)
const serviceMs = Number(values['service-ms'])
const slots = 2
const lanes = 32
const waitTimes = { idle: 3, service: 2, fifo: 0.1 }

const MODEL = 'sleeping'
const PREFIX = 'bench'
const keys = { flooding: createApiKey(), other: createApiKey() }
const picture = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(2000, 7)])

const log = (line: string): void => void process.stderr.write(`${line}\n`)
const redis = await startTestRedis({ durable: true })
const keysFile = join(redis.dir, 'keys.json')
const tenants = Object.entries(keys).map(([id, key]) => ({ id, keys: [hashApiKey(key)] }))
await writeFile(keysFile, JSON.stringify({ tenants }))
const gateway = await startGateway({
  REDIS_URL: redis.url,
  REDIS_PREFIX: PREFIX,
  MODEL,
  API_KEYS_FILE: keysFile,
  CACHE_TTL: '0',
  LOG_LEVEL: 'warn',
})
const worker = await startSleepingWorker({
  redisUrl: redis.url,
  prefix: PREFIX,
  model: MODEL,
  slots,
  serviceMs,
})
const dispatcher = new Agent({ connections: lanes })

const headersOf = (key: string) => ({ authorization: `Bearer ${key}` })

const submit = async (key: string): Promise<string> => {
  const { statusCode, body } = await request(`${gateway.url}/v1/predictions`, {
    dispatcher,
    method: 'POST',
    headers: { ...headersOf(key), 'content-type': 'image/jpeg' },
    body: picture,
  })
  const text = await body.text()
  if (statusCode !== 202) throw new Error(`the gateway answered ${statusCode}: ${text}`)
  return (JSON.parse(text) as Prediction).id
}

/** From its acceptance until a worker began with it, ms. */
const readWait = async (id: string, key: string): Promise<number> => {
  for (;;) {
    const url = `${gateway.url}/v1/predictions/${id}?wait=60`
    const { body } = await request(url, { dispatcher, headers: headersOf(key) })
    const { status, metrics } = (await body.json()) as Prediction
    if (status === 'succeeded' && metrics.queue_ms !== null) return metrics.queue_ms
    if (status !== 'queued' && status !== 'processing') throw new Error(`a prediction ended as ${status}`)
  }
}

/** Sends a few at once; resolves with how long each waited. */
const measureBurst = async (key: string): Promise<number[]> => {
  const ids = await Promise.all(Array.from({ length: burstSize }, () => submit(key)))
  return Promise.all(ids.map((id) => readWait(id, key)))
}

const measureBursts = async (key: string): Promise<number> => {
  const waits: number[] = []
  for (let i = 0; i < rounds; i++) waits.push(...(await measureBurst(key)))
  return median(waits)
}

try {
  await measureBurst(keys.other)
  const idleMs = await measureBursts(keys.other)
  log(`${burstSize} at once, nobody else: ${idleMs} ms`)
  await runClosedLoop(floodSize, lanes, async () => void (await submit(keys.flooding)))
  const fairMs = await measureBursts(keys.other)
  log(`behind a flood of ${floodSize} by another: ${fairMs} ms`)
  const fifoMs = median(await measureBurst(keys.flooding))
  log(`in line with it: ${fifoMs} ms`)
  const isFair =
    fairMs <= waitTimes.idle * idleMs + waitTimes.service * serviceMs && fairMs <= waitTimes.fifo * fifoMs
  console.log(
    JSON.stringify({
      bench: 'fairness',
      b_wait_ms: round(fairMs, 1),
      b_idle_wait_ms: round(idleMs, 1),
      fifo_wait_ms: round(fifoMs, 1),
      service_ms: serviceMs,
    }),
  )
  if (!isFair) process.exitCode = 1
} finally {
  await dispatcher.close()
  await worker.stop()
  await gateway.stop()
  await redis.stop()
}
