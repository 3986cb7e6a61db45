import { coerceError } from '@menagerie/shared/coerce-error'
import { createErrorLog } from '@menagerie/shared/error-log'
import type { Keys } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import type { Logger } from 'pino'
import type { Sweep } from './sweep.ts'

/** Sweeps again and again, until it is stopped; of all gateways, one at a time does. */
export const startSweeper = (
  deps: { redis: RedisConnection; keys: Keys; sweep: Sweep; log: Logger },
  options: { intervalMs: number },
) => {
  // Gone before the next turn.
  const lockMs = Math.ceil(options.intervalMs * 0.9)
  const errors = createErrorLog(deps.log, 'sweep failed')
  let sweeping: Promise<void> | null = null

  const sweepInTurn = async (): Promise<void> => {
    try {
      const isMine = await deps.redis.set(deps.keys.sweeping, '1', 'PX', lockMs, 'NX')
      if (isMine === null) return
      const report = await deps.sweep()
      if (Object.values(report).some((count) => count > 0)) deps.log.info(report, 'swept')
      errors.settle()
    } catch (error) {
      errors.report(coerceError(error))
    } finally {
      sweeping = null
    }
  }
  const tick = (): void => {
    // One that takes longer than the interval is not joined by another.
    sweeping ??= sweepInTurn()
  }
  const timer = setInterval(tick, options.intervalMs)
  return {
    async stop(): Promise<void> {
      clearInterval(timer)
      await sweeping
    },
  }
}
