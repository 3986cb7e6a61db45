import { createKeys } from '@menagerie/shared/keys'
import { closeRedis, createConsumerRedis } from '@menagerie/shared/redis'
import { createWorkerRegistry } from '@menagerie/shared/worker-registry'
import { NO_TRACING } from '@menagerie/tracing/no-tracing'
import { pino } from 'pino'
import { createCapacityReader } from '../capacity.ts'
import { loadConfig } from '../config.ts'
import { createFairOrder } from '../fair-order.ts'
import { createJobQueue } from '../job-queue.ts'
import { createModelCatalog } from '../model-catalog.ts'
import { createRecordReader } from '../record-reader.ts'
import type { SweepReport } from '../sweep.ts'
import { wirePredictions } from '../wire-predictions.ts'

/** Makes one sweep as a gateway with these settings would, without sparing what is young: nothing may be on its way. */
export const sweepNow = async (env: Record<string, string>): Promise<SweepReport> => {
  const config = loadConfig(env)
  const { prefix, url } = config.redis
  const { resultTtlMs, deadLetterTtlMs } = config
  const log = pino({ level: 'silent' })
  const redis = createConsumerRedis({ url, name: 'sweep', log })
  const keys = createKeys(prefix)
  const registry = createWorkerRegistry({ redis, keys })
  const catalog = createModelCatalog({ registry }, { defaultModel: config.defaultModel })
  const reader = createRecordReader({ redis, catalog }, { prefix, resultTtlMs, deadLetterTtlMs })
  const fairOrder = createFairOrder(
    { redis, keys, weightOf: () => 1, log },
    { prefix, queueAgeMaxMs: config.queueAgeMaxMs },
  )
  const queue = createJobQueue({ redis, fairOrder, log }, { prefix, resultTtlMs, deadLetterTtlMs })
  const { sweep } = wirePredictions(
    {
      accepting: redis,
      commands: redis,
      keys,
      reader,
      catalog,
      queue,
      fairOrder,
      readCapacity: createCapacityReader({ registry }),
      secretsOf: () => [],
      tracer: NO_TRACING,
      onAccepted: () => undefined,
      log,
    },
    config,
    { graceMs: 0, uploadGraceMs: 0 },
  )
  try {
    return await sweep()
  } finally {
    await queue.close()
    await closeRedis(redis)
  }
}
