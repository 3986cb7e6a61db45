import { isTerminal } from '@menagerie/contract/prediction'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Books } from './books.ts'
import type { Picture } from './reference.ts'
import { readView, sendSubmission } from './send.ts'
import { planSubmission, type Submission } from './submissions.ts'

export interface LanesOptions {
  jobs: number
  seed: number
  lanes: number
  gatewayUrls: readonly string[]
  pictures: readonly Picture[]
  webhookUrl: string
  signal: AbortSignal
}

export interface LanesDeps {
  books: Books
  /** Resolves when submission `number` may begin: the clients do not run away from the schedule. */
  waitForTurn: (number: number) => Promise<void>
  /** A submission is accepted or given up. */
  onSettled: () => void
  /** What an attempt was answered. */
  onAnswer: (label: string) => void
}

const BACKOFF_FIRST_MS = 50
const BACKOFF_MAX_MS = 1000
const WATCHERS_MAX = 40
const WATCH_SECONDS = 2
const WATCH_PAUSE_MS = 200

/**
 * Clients that send every submission of a run, each at a gateway chosen anew for each attempt, until it is accepted; one
 * without a key is sent once. Resolves when all are settled and nobody watches any more.
 */
export const runLanes = async (deps: LanesDeps, options: LanesOptions): Promise<void> => {
  const { books } = deps
  const { signal, gatewayUrls } = options
  const watching = new Set<Promise<void>>()
  const allSent = new AbortController()
  let next = 0

  const chooseGateway = (number: number, attempt: number): string =>
    gatewayUrls[(number * 7 + attempt) % gatewayUrls.length] ?? ''

  /** Sends until it is accepted; returns the id, or null when it is given up. */
  const send = async (submission: Submission): Promise<string | null> => {
    const picture = options.pictures[submission.picture]?.bytes ?? Buffer.alloc(0)
    for (let attempt = 0; !signal.aborted; attempt++) {
      const url = chooseGateway(submission.number, attempt)
      const askedAt = performance.now()
      const answer = await sendSubmission(url, submission, picture, options.webhookUrl)
      if (answer.kind === 'accepted') {
        deps.onAnswer(String(answer.status))
        books.accept(submission, answer.id)
        if (answer.view !== null) books.see(answer.id, answer.view, askedAt)
        return answer.id
      }
      if (answer.kind === 'refused') {
        deps.onAnswer(String(answer.status))
        books.report('unexpected', `submission ${submission.number}`, `${answer.status} ${answer.body}`)
        return null
      }
      deps.onAnswer(answer.reason)
      if (submission.key === null) return null
      await sleep(Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 10)))
    }
    return null
  }

  const watch = async (submission: Submission, id: string): Promise<void> => {
    for (let attempt = 0; !allSent.signal.aborted; attempt++) {
      const askedAt = performance.now()
      const view = await readView(chooseGateway(submission.number, attempt), id, WATCH_SECONDS)
      if (view !== 'unknown') books.see(id, view, askedAt)
      if (view === null || (view !== 'unknown' && isTerminal(view.status))) return
      await sleep(WATCH_PAUSE_MS)
    }
  }

  const settle = async (submission: Submission): Promise<void> => {
    const id = await send(submission)
    if (id === null) return
    if (submission.isWatched && watching.size < WATCHERS_MAX) {
      const watcher = watch(submission, id).finally(() => watching.delete(watcher))
      watching.add(watcher)
    }
    // With the key it is the same prediction, whatever has died in between.
    if (submission.isRepeated) await send(submission)
  }

  const runLane = async (): Promise<void> => {
    while (next < options.jobs && !signal.aborted) {
      const number = next++
      await deps.waitForTurn(number)
      await settle(planSubmission(options.seed, number, options.pictures.length))
      deps.onSettled()
    }
  }

  await Promise.all(Array.from({ length: options.lanes }, runLane))
  allSent.abort()
  await Promise.all(watching)
}
