import { loadConfig } from '@menagerie/gateway/config'
import { createJobQueue } from '@menagerie/gateway/job-queue'
import { createModelCatalog } from '@menagerie/gateway/model-catalog'
import { createRecordReader } from '@menagerie/gateway/record-reader'
import { wirePredictions } from '@menagerie/gateway/wire-predictions'
import { createKeys } from '@menagerie/shared/keys'
import { createWorkerRegistry } from '@menagerie/shared/worker-registry'
import type { Redis } from 'ioredis'
import { pino } from 'pino'

/** The sweep of a gateway, once, over uploads of any age: at the end of a run none is about to get its job. */
export const sweepOnce = async (redis: Redis, options: { prefix: string; model: string }): Promise<void> => {
  const config = loadConfig({ REDIS_PREFIX: options.prefix, MODEL: options.model })
  const { resultTtlMs, deadLetterTtlMs, webhooks } = config
  const { prefix } = options
  const log = pino({ level: 'silent' })
  const keys = createKeys(prefix)
  const catalog = createModelCatalog(
    { registry: createWorkerRegistry({ redis, keys }) },
    { defaultModel: options.model },
  )
  const reader = createRecordReader({ redis, catalog }, { prefix, resultTtlMs, deadLetterTtlMs })
  const webhookAttempts = webhooks.retryDelaysMs.length + 1
  const queue = createJobQueue({ redis, log }, { prefix, resultTtlMs, deadLetterTtlMs, webhookAttempts })
  try {
    const deps = { accepting: redis, commands: redis, keys, reader, catalog, queue, log }
    await wirePredictions(deps, config, { graceMs: 0 }).sweep()
  } finally {
    await queue.close()
  }
}
