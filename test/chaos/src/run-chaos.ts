import { predictQueueName } from '@menagerie/contract/job'
import { loadConfig } from '@menagerie/gateway/config'
import { sweepNow } from '@menagerie/gateway/testing/sweep-now'
import { jobKey } from '@menagerie/shared/keys'
import { openUploadStore } from '@menagerie/shared/upload-store/open-upload-store'
import { setTimeout as sleep } from 'node:timers/promises'
import { auditBooks } from './audit.ts'
import { createBooks, type Finding } from './books.ts'
import { runLanes } from './client-lanes.ts'
import { drainQueues } from './drain.ts'
import { createInjector, type DoneStep } from './injector.ts'
import { takeInventory, type Inventory } from './inventory.ts'
import { openSystem } from './open-system.ts'
import type { ChaosOptions } from './options.ts'
import { readAll } from './read-all.ts'
import { startReceiver } from './receiver.ts'
import { CHAOS_MODEL, makeReference, type Expected } from './reference.ts'
import { planSchedule } from './schedule.ts'
import { JOB_LOCK_MS, PREFIX, uploadEnv } from './settings.ts'
import type { Submission } from './submissions.ts'
import { waitForWeakMoment } from './weak-moment.ts'
import type { WorkFolder } from './work-folder.ts'

export type Phase = 'start' | 'chaos' | 'drain' | 'books' | 'stop'

export interface RunEvents {
  onPhase: (phase: Phase) => void
  onSettled: (settled: number, kills: number) => void
  onOpen: (open: number) => void
}

export interface RunResult {
  accepted: number
  /** How often somebody got a 200 or 202; more than were accepted, since some are sent again. */
  answers: Record<string, number>
  findings: Finding[]
  steps: readonly DoneStep[]
  kills: number
  inventory: Inventory
  webhooks: number
}

const LANES = 12
// How far the clients may run ahead of the schedule, in steps of it and at least.
const SLACK_STEPS = 2
const SLACK_MIN = 2 * LANES
const TURN_POLL_MS = 5
const STUCK_MS = 120_000

const throwWhenStuck = async (countSettled: () => number, signal: AbortSignal): Promise<never> => {
  let last = -1
  for (;;) {
    if (countSettled() === last) throw new Error(`nothing was accepted for ${STUCK_MS / 1000} s`)
    last = countSettled()
    await sleep(STUCK_MS, undefined, { signal })
  }
}

/**
 * One run: starts the service, loads it while the schedule is carried out, lets it come to rest, and holds the books
 * against what is there. Everything it started has ended when it resolves or rejects.
 */
export const runChaos = async (
  options: ChaosOptions,
  folder: WorkFolder,
  events: RunEvents,
  signal: AbortSignal,
): Promise<RunResult> => {
  const books = createBooks()
  const answers: Record<string, number> = {}
  events.onPhase('start')
  const pictures = await makeReference(folder.models)
  const receiver = await startReceiver((hook) => books.receive(hook))
  const system = await openSystem(options, folder, (name, detail) => books.report('unexpected', name, detail))
  // Whatever becomes of this process, the others must not outlive it.
  const killNow = (): void => system.killNow()
  process.on('exit', killNow)
  const { redis } = system
  const queue = { prefix: PREFIX, model: CHAOS_MODEL }
  const schedule = planSchedule(options)
  const ending = new AbortController()
  const stopped = AbortSignal.any([signal, ending.signal])
  try {
    await system.startMissing()

    events.onPhase('chaos')
    let settled = 0
    const injector = createInjector(
      {
        slots: system.slots,
        redis,
        lockMs: JOB_LOCK_MS,
        countFullAnswers: () => answers['503 queue_full'] ?? 0,
        prepareRedisKill: async () => {
          if (options.appendfsync !== 'everysec') return
          await waitForWeakMoment(redis.direct, {
            signal: redis.signal,
            countAccepted: () => books.accepted.size,
          })
        },
        countActive: () => redis.direct.llen(jobKey(PREFIX, predictQueueName(CHAOS_MODEL), 'active')),
        signal: stopped,
      },
      schedule,
    )
    const slack = Math.max(SLACK_MIN, Math.ceil((SLACK_STEPS * options.jobs) / Math.max(1, schedule.length)))
    const sending = runLanes(
      {
        books,
        waitForTurn: async (number) => {
          while (number >= injector.turnsUntil(slack) && !stopped.aborted) await sleep(TURN_POLL_MS)
        },
        onSettled: () => {
          injector.settle()
          events.onSettled(++settled, injector.countKills())
        },
        onAnswer: (label) => {
          answers[label] = (answers[label] ?? 0) + 1
        },
      },
      {
        jobs: options.jobs,
        seed: options.seed,
        lanes: LANES,
        gatewayUrls: system.gatewayUrls,
        pictures,
        webhookUrl: receiver.url,
        signal: stopped,
      },
    )
    await Promise.race([Promise.all([sending, injector.run()]), throwWhenStuck(() => settled, stopped)])

    events.onPhase('drain')
    await redis.freeMemory()
    await system.startMissing()
    const left = await drainQueues(redis.direct, { ...queue, signal, onOpen: events.onOpen })
    if (left > 0) books.report('unexpected', 'drain', `${left} jobs were left, and nothing moved any more`)

    events.onPhase('books')
    const views = await readAll(books.accepted.keys(), system.gatewayUrls)
    const env = {
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      REDIS_PREFIX: PREFIX,
      MODEL: CHAOS_MODEL,
      ...uploadEnv(options.uploadStore, folder),
    }
    await sweepNow(env)
    const store = openUploadStore(
      { redis: redis.direct },
      { uploads: loadConfig(env).uploads, redisPrefix: PREFIX },
    )
    const inventory = await takeInventory(redis.direct, store, queue)
    const expectedOf = (submission: Submission): Expected => {
      const picture = pictures[submission.picture]
      if (picture === undefined) throw new Error(`there is no picture ${submission.picture}`)
      return picture.expected
    }

    events.onPhase('stop')
    await system.stop()
    return {
      accepted: books.accepted.size,
      answers,
      findings: auditBooks(books, { views, ...inventory }, expectedOf),
      steps: injector.done,
      kills: injector.countKills(),
      inventory,
      webhooks: Array.from(books.hooksOf.values(), (hooks) => hooks.length).reduce((sum, n) => sum + n, 0),
    }
  } finally {
    ending.abort()
    system.killNow()
    process.off('exit', killNow)
    await receiver.stop()
  }
}
