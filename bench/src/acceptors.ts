import { findFreePort, isReady, startGateway, waitUntil } from '@menagerie/harness/processes'
import { startTestRedis } from '@menagerie/harness/redis'
import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { createKeys } from '@menagerie/shared/keys'
import { createWorkerRegistry } from '@menagerie/shared/worker-registry'
import { Redis } from 'ioredis'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRawClient } from './raw-client.ts'

const MODEL = 'no-op'
const PREFIX = 'menagerie'
const DIGEST = `sha256:${'0'.repeat(64)}`
const BOUNDARY = 'a-boundary-that-is-in-no-picture'
const PICTURE_BYTES = 110_000

/** A form as a client sends it, with one picture of 110 kB. */
const makeForm = (fields: Record<string, string>): Buffer => {
  const picture = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(PICTURE_BYTES - 4, 7)])
  const texts = Object.entries(fields).map(
    ([name, value]) => `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const head = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="photo.jpg"\r\ncontent-type: image/jpeg\r\n\r\n`
  return Buffer.concat([Buffer.from(texts.join('') + head), picture, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)])
}

const startBare = async (redisUrl: string) => {
  const port = await findFreePort()
  const child = spawn(process.execPath, [join(import.meta.dirname, 'bare-gateway.js')], {
    env: { PATH: process.env['PATH'] ?? '', PORT: String(port), REDIS_URL: redisUrl },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const url = `http://127.0.0.1:${port}`
  await waitUntil('the bare handler is ready', () => {
    if (child.exitCode !== null) throw new Error(`the bare handler ended with ${child.exitCode}`)
    return isReady(url)
  })
  return {
    url,
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

/** Takes traces, and throws them away. */
const startSink = async () => {
  const server = createServer((request, response) => {
    request.resume()
    response.setHeader('content-type', 'application/json').end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Accepts one picture; throws unless it was. */
export type Accept = () => Promise<void>

/**
 * The gateway, one that traces and the bare handler, each a process of its own, beside a Redis that syncs every write. Nobody works: what
 * was accepted stays in its queue until `empty()` throws it away.
 */
export const startAcceptors = async () => {
  const redis = await startTestRedis({ durable: true, extraArgs: ['--auto-aof-rewrite-percentage', '0'] })
  const observer = new Redis(redis.url)
  const registry = createWorkerRegistry({ redis: observer, keys: createKeys(PREFIX) })

  /** A model that a worker serves, so that nothing is looked for in vain. */
  const register = async (): Promise<void> => {
    await registry.registerModel({
      name: MODEL,
      description: 'does nothing',
      digest: DIGEST,
      fingerprint: MODEL,
      trained: true,
      animals_only: false,
      labels: [],
      input: {
        layout: 'NCHW',
        channels: 'RGB',
        resize: 256,
        crop: 224,
        interpolation: 'bilinear',
        scale: 1,
        mean: [0, 0, 0],
        std: [1, 1, 1],
      },
    })
    await registry.beat({
      id: MODEL,
      model: MODEL,
      digest: DIGEST,
      state: 'ready',
      threads: 2,
      service_ms: 1,
      rss_bytes: 1,
      jobs: 0,
      started_at: new Date().toISOString(),
    })
  }

  await register()
  const sink = await startSink()
  const settings = {
    REDIS_URL: redis.url,
    REDIS_PREFIX: PREFIX,
    MODEL,
    LOG_LEVEL: 'warn',
    WEBHOOK_SECRET,
    WEBHOOK_ALLOW_PRIVATE: '1',
  }
  const gateway = await startGateway(settings)
  const traced = await startGateway({ ...settings, OTEL_EXPORTER_OTLP_ENDPOINT: sink.url })
  const bare = await startBare(redis.url)
  const clients = {
    gateway: createRawClient(gateway.url),
    traced: createRawClient(traced.url),
    bare: createRawClient(bare.url),
  }

  const createAccept = (client: keyof typeof clients, fields: Record<string, string> = {}): Accept => {
    const form = makeForm(fields)
    const request = { path: '/v1/predictions', type: `multipart/form-data; boundary=${BOUNDARY}` }
    return async () => {
      const { status, text } = await clients[client].post(form, request)
      if (status !== 202) throw new Error(`${client} answered ${status}: ${text}`)
    }
  }

  const readInfo = async (name: string): Promise<number> =>
    Number(new RegExp(`${name}:(\\d+)`).exec(await observer.info())?.[1])

  return {
    pids: {
      gateway: gateway.child.pid ?? 0,
      traced: traced.child.pid ?? 0,
      bare: bare.pid,
      redis: redis.pid,
      client: process.pid,
    },
    bare: createAccept('bare'),
    gateway: createAccept('gateway'),
    gatewayTraced: createAccept('traced'),
    gatewayWithWebhook: createAccept('gateway', { webhook: 'http://127.0.0.1:9/hook' }),
    /** How often Redis has answered or told anybody something so far. */
    countRedisReplies: () => readInfo('total_writes_processed'),
    /** Throws away what was accepted, also from the file of Redis. */
    async empty(): Promise<void> {
      await observer.flushall()
      await register()
      await observer.bgrewriteaof()
      while ((await readInfo('aof_rewrite_in_progress')) + (await readInfo('aof_rewrite_scheduled')) > 0) {
        await sleep(20)
      }
    },
    async stop(): Promise<void> {
      for (const client of Object.values(clients)) client.close()
      observer.disconnect()
      await gateway.stop()
      await traced.stop()
      sink.stop()
      await bare.stop()
      await redis.stop()
    },
  }
}
