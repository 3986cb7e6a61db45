import { coerceError } from '@menagerie/shared/coerce-error'
import { createErrorLog } from '@menagerie/shared/error-log'
import type { Keys } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Sweep } from './sweep.ts'

// A store that hangs answers later than a gateway may take to stop; nothing is lost with a sweep that is broken off.
const STOP_MAX_MS = 5000

/** Sweeps again and again, until it is stopped; of all gateways, one at a time does. */
export const startSweeper = (
  deps: { redis: RedisConnection; keys: Keys; sweep: Sweep; log: Logger },
  options: { intervalMs: number },
) => {
  // Gone before the next turn.
  const lockMs = Math.ceil(options.intervalMs * 0.9)
  const errors = createErrorLog(deps.log, 'sweep failed')
  const stopping = new AbortController()
  let sweeping: Promise<void> | null = null

  const sweepInTurn = async (): Promise<void> => {
    try {
      const isMine = await deps.redis.set(deps.keys.sweeping, '1', 'PX', lockMs, 'NX')
      if (isMine === null) return
      const report = await deps.sweep(stopping.signal)
      if (Object.values(report).some((count) => count > 0)) deps.log.info(report, 'swept')
      errors.settle()
    } catch (error) {
      if (!stopping.signal.aborted) errors.report(coerceError(error))
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
      stopping.abort()
      await Promise.race([sweeping, sleep(STOP_MAX_MS, undefined, { ref: false })])
    },
  }
}
