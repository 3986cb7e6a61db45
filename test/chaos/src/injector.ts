import { setTimeout as sleep } from 'node:timers/promises'
import type { Slot } from './fleet.ts'
import { ALL, REDIS, type Action, type Step } from './schedule.ts'
import type { RedisUnderTest } from './redis-under-test.ts'

/** A step as it was carried out. */
export interface DoneStep {
  step: Step
  /** Since the start of the run. */
  atMs: number
  settled: number
}

export interface InjectorDeps {
  slots: ReadonlyMap<string, Slot>
  redis: RedisUnderTest
  lockMs: number
  /** How often a gateway has said that the queue is full. */
  countFullAnswers: () => number
  /** What comes before a kill -9 of Redis. */
  prepareRedisKill: () => Promise<void>
  /** Jobs that workers hold at this moment. */
  countActive: () => Promise<number>
  signal: AbortSignal
}

const FULL_WAIT_MS_MAX = 5000
const POLL_MS = 20
// With so many in the hands of workers, one that stops most likely has some.
const BUSY_JOBS_MIN = 6
const BUSY_WAIT_MS_MAX = 1500

/**
 * Carries a schedule out. Each target recovers by itself while the next steps go on; a step waits only until its own
 * target is well again, so that every kill hits something that lives.
 */
export const createInjector = (deps: InjectorDeps, schedule: readonly Step[]) => {
  const { slots, redis } = deps
  const recovering = new Map<string, Promise<void>>()
  const done: DoneStep[] = []
  const startedAt = performance.now()
  let settled = 0
  let kills = 0
  let isPreparing = false
  let wake: () => void = () => undefined

  const slotOf = (name: string): Slot => {
    const slot = slots.get(name)
    if (slot === undefined) throw new Error(`there is no ${name}`)
    return slot
  }

  /** A worker is stopped while it works, or it would have nothing to hand back. */
  const waitForWork = async (): Promise<void> => {
    const endsAt = performance.now() + BUSY_WAIT_MS_MAX
    while (performance.now() < endsAt && (await deps.countActive()) < BUSY_JOBS_MIN) await sleep(1)
  }

  const prepare = async (): Promise<void> => {
    isPreparing = true
    await deps.prepareRedisKill()
    isPreparing = false
  }

  /** Does the first part of an action, and returns what brings its target back. */
  const begin = async (action: Action): Promise<(() => Promise<void>) | null> => {
    switch (action.kind) {
      case 'kill': {
        const victim = action.target === REDIS ? redis : slotOf(action.target)
        if (victim === redis) await prepare()
        await victim.kill()
        kills += 1
        return async () => {
          await sleep(action.downMs)
          await victim.start()
        }
      }
      case 'stall':
        slotOf(action.target).signal('SIGSTOP')
        return async () => {
          await sleep(action.locks * deps.lockMs)
          slotOf(action.target).signal('SIGCONT')
        }
      case 'restart': {
        await waitForWork()
        const stopping = slotOf(action.target).stop()
        return async () => {
          await stopping
          await slotOf(action.target).start()
        }
      }
      case 'scale-down': {
        await waitForWork()
        const stopping = slotOf(action.target).stop()
        return () => stopping
      }
      case 'scale-up':
        return () => slotOf(action.target).start()
      case 'cut':
        for (const slot of slots.values()) {
          if (action.target === ALL || action.target === slot.name) slot.proxy.cut(action.cut)
        }
        return null
      case 'fill': {
        await redis.limitMemory()
        return () => stayFull(action.fullMs)
      }
      default:
        return action satisfies never
    }
  }

  const stayFull = async (fullMs: number): Promise<void> => {
    const before = deps.countFullAnswers()
    const endsAt = performance.now() + FULL_WAIT_MS_MAX
    while (deps.countFullAnswers() === before && performance.now() < endsAt) await sleep(POLL_MS)
    await sleep(fullMs)
    await redis.freeMemory()
  }

  const carryOut = async (step: Step): Promise<void> => {
    await recovering.get(step.target)
    const atMs = performance.now() - startedAt
    done.push({ step, atMs, settled })
    const recover = await begin(step)
    if (recover === null) return
    const recovery = recover()
    recovering.set(step.target, recovery)
    // A failure is met by whoever waits for this target next, at the latest at the end.
    recovery.catch(() => undefined)
  }

  const waitForProgress = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve
    })

  return {
    done: done as readonly DoneStep[],
    countKills: () => kills,
    /** How many submissions may begin so far: the clients stay near the schedule. */
    turnsUntil: (slack: number): number => {
      const next = schedule[done.length]
      // It takes clients at work to prepare one.
      return next === undefined || isPreparing ? Number.POSITIVE_INFINITY : next.at + slack
    },
    settle(): void {
      settled += 1
      wake()
    },
    /** Resolves when every step was carried out and every target is well again. */
    async run(): Promise<void> {
      for (const step of schedule) {
        while (settled < step.at && !deps.signal.aborted) await waitForProgress()
        deps.signal.throwIfAborted()
        await carryOut(step)
      }
      await Promise.all(recovering.values())
    },
  }
}
