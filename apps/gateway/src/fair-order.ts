import { ANONYMOUS_ID, predictQueueName } from '@menagerie/contract/job'
import type { Priority } from '@menagerie/contract/prediction'
import { createErrorLog } from '@menagerie/shared/error-log'
import { jobKey, type Keys } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { Logger } from 'pino'
import { COUNT_AHEAD, RENUMBER, RENUMBER_FROM, TAKE_TAG } from './fair-order-scripts.ts'

export interface FairOrder {
  /** The place of the next prediction of a tenant, as a BullMQ priority: to be used at once, and once. */
  takeTag(model: string, who: Who): Promise<number>
  /** How many wait that would be before it. */
  countAhead(model: string, who: Who): Promise<number>
}

export interface Who {
  tenant?: string
  priority?: Priority
}

/** How far apart predictions of the same tenant stand, by what it asks for: `low` gets half of what `normal` gets. */
const DISTANCES: Record<Priority, number> = { high: 0.5, normal: 1, low: 2 }

const PLACES = ['prioritized', 'delayed', 'active', 'wait'] as const

/**
 * One order for all predictions of a model, in which a flood by one tenant does not hold the others up: start-time fair
 * queueing (Goyal, Vin, Cheng 1996), with the clock of the job at the head (Golestani's SCFQ, 1994). Each prediction gets
 * the tag `max(tag at the head, last tag of its flow) + distance`, and the lowest tag goes first. A flow is what one tenant
 * asks for with one priority; its distance is the less the more its weight. Tags are finite, so nothing waits for ever.
 */
export const createFairOrder = (
  deps: { redis: RedisConnection; keys: Keys; weightOf: (tenantId: string) => number; log: Logger },
  options: { prefix: string; queueAgeMaxMs: number },
): FairOrder => {
  const { redis, keys } = deps
  const onError = createErrorLog(deps.log, 'the queue could not be numbered anew').report
  const keyOf = (model: string, name: string): string => jobKey(options.prefix, predictQueueName(model), name)

  const renumber = async (model: string): Promise<void> => {
    const startedAt = performance.now()
    const places = PLACES.map((name) => keyOf(model, name))
    const by = await redis.eval(RENUMBER, 1 + places.length, keys.fair(model), ...places, keyOf(model, ''))
    const ms = Math.round(performance.now() - startedAt)
    if (by !== 0) deps.log.info({ model, by, ms }, 'the queue is numbered anew')
  }

  const describeFlow = ({
    tenant = ANONYMOUS_ID,
    priority = 'normal',
  }: Who): [flow: string, distance: number] => [
    `${tenant}:${priority}`,
    DISTANCES[priority] / deps.weightOf(tenant),
  ]

  return {
    async takeTag(model, who) {
      const args = [...describeFlow(who), options.queueAgeMaxMs, keyOf(model, '')]
      const tag = await redis.eval(TAKE_TAG, 2, keys.fair(model), keyOf(model, 'prioritized'), ...args)
      if (Number(tag) >= RENUMBER_FROM) renumber(model).catch(onError)
      return Number(tag)
    },
    async countAhead(model, who) {
      const places = [keyOf(model, 'prioritized'), keyOf(model, 'wait')]
      return Number(await redis.eval(COUNT_AHEAD, 3, keys.fair(model), ...places, ...describeFlow(who)))
    },
  }
}
