import { createRandom, type Random } from '@menagerie/harness/random'
import type { ChaosOptions } from './options.ts'

export const CUTS = ['both-ways', 'half-request', 'lost-reply'] as const
/** How a connection is cut: at once; in the middle of what a client sends; before the server's answer arrives. */
export type Cut = (typeof CUTS)[number]

/** What is done to whom. Everything that goes away comes back, but for workers that are scaled down. */
export type Action =
  | { kind: 'kill'; target: string; downMs: number }
  | { kind: 'stall'; target: string; locks: number }
  | { kind: 'restart'; target: string }
  | { kind: 'scale-down' | 'scale-up'; target: string }
  | { kind: 'cut'; target: string; cut: Cut }
  | { kind: 'fill'; target: string; fullMs: number }

/** An action, and after how many settled submissions it begins. */
export type Step = Action & { at: number }

/** A cut for everybody at once. */
export const ALL = 'all'
export const REDIS = 'redis'
export const gatewayName = (number: number): string => `gateway-${number}`
export const workerName = (number: number): string => `worker-${number}`

type SchedulePlan = Pick<ChaosOptions, 'jobs' | 'seed' | 'kills' | 'gateways' | 'workers'>

type Card = 'kill-worker' | 'kill-gateway' | 'kill-redis' | 'cut' | 'scale' | 'stall' | 'restart' | 'fill'

// Dealt in turn, so that a short run has some of each.
const KILLS: readonly Card[] = ['kill-worker', 'kill-redis', 'kill-worker', 'kill-gateway']
const OTHERS: readonly Card[] = [
  'restart',
  'cut',
  'stall',
  'scale',
  'cut',
  'restart',
  'fill',
  'scale',
  'cut',
  'scale',
]

// The first answers come before the first fault, and the last fault before the last answers.
const FIRST_SHARE = 0.03
const LAST_SHARE = 0.95
const DOWN_MS_MAX = 800
// A worker that stops for this many locks has lost its jobs when it goes on.
const STALL_LOCKS_MIN = 2
const STALL_LOCKS_MAX = 4
// Long enough that a worker uses up its attempts, if it counts those that a full Redis makes fail.
const FULL_MS_MIN = 500
const FULL_MS_MAX = 4000
// No submission has this number, so the schedule shares its choices with none.
const SCHEDULE_STREAM = -1

const deal = (cards: readonly Card[], count: number): Card[] =>
  Array.from({ length: count }, (_, i) => cards[i % cards.length] as Card)

const shuffle = <T>(list: T[], random: Random): T[] => {
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.integer(0, i)
    ;[list[i], list[j]] = [list[j] as T, list[i] as T]
  }
  return list
}

/** Turns cards into actions; remembers which workers are up, so that each action has something to act on. */
const createPlayer = (plan: SchedulePlan, random: Random) => {
  const gateways = Array.from({ length: plan.gateways }, (_, i) => gatewayName(i))
  const up = Array.from({ length: plan.workers }, (_, i) => workerName(i))
  const down = [workerName(plan.workers)]
  const takeFrom = (list: string[]): string => list.splice(random.integer(0, list.length - 1), 1)[0] as string

  const scale = (): Action => {
    const isDown = down.length === 0 || (up.length > 1 && random.isOneIn(2))
    const target = takeFrom(isDown ? up : down)
    ;(isDown ? down : up).push(target)
    return { kind: isDown ? 'scale-down' : 'scale-up', target }
  }

  const kill = (target: string): Action => ({ kind: 'kill', target, downMs: random.integer(0, DOWN_MS_MAX) })

  return (card: Card): Action => {
    switch (card) {
      case 'kill-worker':
        return kill(random.pick(up))
      case 'kill-gateway':
        return kill(random.pick(gateways))
      case 'kill-redis':
        return kill(REDIS)
      case 'scale':
        return scale()
      case 'stall':
        return {
          kind: 'stall',
          target: random.pick(up),
          locks: random.integer(STALL_LOCKS_MIN, STALL_LOCKS_MAX),
        }
      case 'restart':
        return { kind: 'restart', target: random.pick([...up, ...gateways]) }
      case 'fill':
        return { kind: 'fill', target: REDIS, fullMs: random.integer(FULL_MS_MIN, FULL_MS_MAX) }
      case 'cut': {
        const target = random.isOneIn(3) ? ALL : random.pick([...up, ...gateways])
        return { kind: 'cut', target, cut: random.pick(CUTS) }
      }
      default:
        return card satisfies never
    }
  }
}

/**
 * Everything that will be done to the processes of a run, in order: a pure function of the options. Steps are set off by
 * progress, not by the clock, so that a slow machine goes through the same faults.
 */
export const planSchedule = (plan: SchedulePlan): Step[] => {
  const random = createRandom(plan.seed, SCHEDULE_STREAM)
  const cards = shuffle(
    [...deal(KILLS, plan.kills), ...deal(OTHERS, Math.max(plan.kills, OTHERS.length))],
    random,
  )
  const play = createPlayer(plan, random)
  const first = Math.floor(plan.jobs * FIRST_SHARE)
  const stride = (plan.jobs * (LAST_SHARE - FIRST_SHARE)) / cards.length
  return cards.map((card, i) => {
    const at = first + Math.floor(i * stride) + random.integer(0, Math.max(0, Math.floor(stride) - 1))
    return Object.assign(play(card), { at })
  })
}

/** An action in a few words. */
export const describeAction = (action: Action): string => {
  switch (action.kind) {
    case 'kill':
      return `kill -9 ${action.target}, down for ${action.downMs} ms`
    case 'stall':
      return `stop ${action.target} for ${action.locks} locks`
    case 'restart':
      return `restart ${action.target} with SIGTERM`
    case 'scale-down':
      return `scale down: SIGTERM to ${action.target}`
    case 'scale-up':
      return `scale up: start ${action.target}`
    case 'cut':
      return `cut the connections of ${action.target}: ${action.cut}`
    case 'fill':
      return `fill redis to maxmemory for ${action.fullMs} ms`
    default:
      return action satisfies never
  }
}
