import { WEBHOOK_QUEUE_NAME } from '@menagerie/contract/job'
import type { Keys } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { Releasers } from '@menagerie/shared/releasers'
import type { Tracer } from '@menagerie/tracing/tracer'
import type { Logger } from 'pino'
import type { PredictionViewer } from '../predictions.ts'
import type { RecordReader } from '../record-reader.ts'
import { closeWorker } from '../close-worker.ts'
import { createOutboundAgent } from '../outbound/agent.ts'
import { createEventBuilder } from './build-event.ts'
import { createDeliver, type Deliver } from './deliver.ts'
import { createHostGate } from './host-gate.ts'
import { createWebhookProcessor } from './process-webhook.ts'
import { sumDelaysMs } from './retry-delay.ts'
import { createWebhookWorker } from './webhook-worker.ts'

export interface WebhookOptions {
  prefix: string
  retryDelaysMs: readonly number[]
  timeoutMs: number
  isPrivateAllowed: boolean
  userAgent: string
}

const OPEN_DEFAULT_MS = 5000

/** Starts to deliver webhooks; `releasers` get what stops it. */
export const openWebhooks = (
  deps: {
    /** For the blocking reads of the queue. */
    consumer: RedisConnection
    commands: RedisConnection
    keys: Keys
    reader: RecordReader
    viewPrediction: PredictionViewer
    secretsOf: (tenantId: string) => readonly string[]
    countDeliveries: (deliver: Deliver) => Deliver
    releasers: Releasers
    tracer: Tracer
    log: Logger
  },
  options: WebhookOptions,
): void => {
  const { consumer, commands, keys, reader, viewPrediction, secretsOf, releasers, tracer, log } = deps
  const { prefix, retryDelaysMs } = options
  const agent = createOutboundAgent(options)
  releasers.push('webhook agent', () => agent.destroy())
  const process = createWebhookProcessor(
    {
      redis: commands,
      keys,
      buildEvent: createEventBuilder({ redis: commands, reader, viewPrediction }, { prefix }),
      deliver: deps.countDeliveries(createDeliver({ agent, tracer }, options)),
      hosts: createHostGate({ openMs: retryDelaysMs[0] ?? OPEN_DEFAULT_MS, timeoutMs: options.timeoutMs }),
      secretsOf,
      tracer,
      log,
    },
    { scheduleMs: sumDelaysMs(retryDelaysMs) },
  )
  const worker = createWebhookWorker({ redis: consumer, process, log }, { prefix, retryDelaysMs })
  releasers.push(`${WEBHOOK_QUEUE_NAME} worker`, () => closeWorker(worker, consumer, options.timeoutMs))
}
