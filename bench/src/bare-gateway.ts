import multipart from '@fastify/multipart'
import { Queue } from 'bullmq'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { createHash, randomUUID } from 'node:crypto'

// The least that takes a picture, stores it and puts a job into a queue: what the gateway is measured against.
const { PORT, REDIS_URL = '' } = process.env
const DAY_MS = 86_400_000
const JOB = { priority: 2, attempts: 3, backoff: { type: 'exponential', delay: 500, jitter: 0.5 } }
const KEPT = { removeOnComplete: { age: 3600 }, removeOnFail: { age: 86_400 }, stackTraceLimit: 3 }

const redis = new Redis(REDIS_URL)
const queue = new Queue('predict.bare', { connection: redis, prefix: 'bare' })
const app = Fastify()
await app.register(multipart, { limits: { fileSize: 10_000_000 } })
app.get('/readyz', async () => redis.ping())
app.post('/v1/predictions', async (request, reply) => {
  const file = await request.file()
  if (file === undefined) return reply.code(400).send()
  const bytes = await file.toBuffer()
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const id = randomUUID()
  await redis.set(`bare:upload:${id}`, bytes, 'PX', DAY_MS)
  const upload = { id, bytes: bytes.length, sha256, content_type: file.mimetype, filename: file.filename }
  const data = { v: 1, model: 'bare', top_k: 5, upload, metadata: {}, deadline: Date.now() + DAY_MS }
  await queue.add('predict', data, { jobId: id, ...JOB, ...KEPT })
  return reply.code(202).send({ id, status: 'queued' })
})
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
