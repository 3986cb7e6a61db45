import type { QueueView } from '@menagerie/contract/queue'
import type { Keys } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ModelCatalog } from '../model-catalog.ts'
import type { QueueReader } from '../queue-reader.ts'
import { rememberEach } from '../remember-each.ts'
import type { DeadLetterCounts } from './dead-letter-counts.ts'

/** What Redis says of the service as a whole; the same at every gateway. */
export interface ServiceReading {
  roundTripMs: number
  memoryShare: number
  queues: QueueView[]
  deadLetters: Array<{ model: string; count: number }>
  webhookDeadLetters: number
}

export interface ServiceReaderDeps {
  redis: RedisConnection
  keys: Keys
  catalog: Pick<ModelCatalog, 'listNames'>
  readQueue: QueueReader
  deadLetters: DeadLetterCounts
  /** How full Redis is, 0 to 1. */
  readMemoryShare: () => Promise<number>
}

const REMEMBERED_MS = 1000
// Less than a scrape may take: a Redis that hangs is told of, and the rest of the metrics with it.
const TIMEOUT_MS = 2000

/** Rejects when Redis does not answer in time. What it read is remembered for a second, whoever asks. */
export const createServiceReader = (deps: ServiceReaderDeps): (() => Promise<ServiceReading>) => {
  const timeRoundTrip = async (): Promise<number> => {
    const startedAt = performance.now()
    await deps.redis.exists(deps.keys.probe)
    return performance.now() - startedAt
  }

  const read = async (): Promise<ServiceReading> => {
    // First and alone, or it would be the time of everything that is asked at once.
    const roundTripMs = await timeRoundTrip()
    const models = await deps.catalog.listNames()
    const countOf = async (model: string) => ({ model, count: await deps.deadLetters.readModel(model) })
    const [memoryShare, queues, deadLetters, webhookDeadLetters] = await Promise.all([
      deps.readMemoryShare(),
      Promise.all(models.map(deps.readQueue)),
      Promise.all(models.map(countOf)),
      deps.deadLetters.readWebhooks(),
    ])
    return { roundTripMs, memoryShare, queues, deadLetters, webhookDeadLetters }
  }

  const readInTime = async (): Promise<ServiceReading> => {
    const timeout = new AbortController()
    const giveUp = async (): Promise<never> => {
      await sleep(TIMEOUT_MS, undefined, { ref: false, signal: timeout.signal })
      throw new Error('Redis does not answer in time')
    }
    try {
      return await Promise.race([read(), giveUp()])
    } finally {
      timeout.abort()
    }
  }
  const remembered = rememberEach(readInTime, { forMs: REMEMBERED_MS })
  return () => remembered('')
}
export type ServiceReader = ReturnType<typeof createServiceReader>
