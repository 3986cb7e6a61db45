// Loaded into a worker before its own code, to show that the proof can fail: what a worker that stops should put back
// into the queue is dropped, so that nobody will ever run it.
import { Job } from 'bullmq'
import { Redis } from 'ioredis'

Job.prototype.moveToWait = async function dropJob(this: Job): Promise<number> {
  const redis = new Redis(process.env['REDIS_URL'] ?? '')
  await redis.lrem(`${this.queueQualifiedName}:active`, 1, this.id ?? '')
  redis.disconnect()
  return 0
}
