import { parseEndMessage, readEndedId } from '@menagerie/contract/end-message'
import type { PredictJobData } from '@menagerie/contract/job'
import { readStatus } from '@menagerie/contract/job-record'
import { parseRecord } from '@menagerie/contract/record-fields'
import type { Keys } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import { createBells } from './bells.ts'
import { isEnded, type PredictionRead, type RecordReader } from './record-reader.ts'
import { createSafetyPoll } from './safety-poll.ts'

/** For what clients wait: an answer to their request, the events of a prediction, the results of a batch. */
export const WAITER_KINDS = ['answer', 'events', 'results'] as const
export type WaiterKind = (typeof WAITER_KINDS)[number]

export interface WaitOptions {
  timeoutMs: number
  signal?: AbortSignal
}

/** Hears of a prediction from the moment it was made. */
export interface Listener {
  /**
   * Waits until the prediction has ended, the time is up, the signal fires or the gateway stops; resolves with
   * the last reading, which is null when there is no such prediction.
   *
   * @param data what was asked: with it the announcement of the end is all that is needed
   * @throws AppError `queue_unavailable` when Redis cannot be read at the end
   */
  waitForEnd(data: PredictJobData, options: WaitOptions): Promise<PredictionRead | null>
  /** Like `waitForEnd`, but until a reading is one that `isReached`. Whatever is not the end is found by looking. */
  waitUntil(
    isReached: (read: PredictionRead) => boolean,
    data: PredictJobData,
    options: WaitOptions,
  ): Promise<PredictionRead | null>
  close(): void
}

export interface Waits {
  /** For a prediction that is about to be enqueued: nothing of it can be missed, so no first look is needed. */
  listen(id: string, kind?: WaiterKind): Listener
  /** For a prediction that may have ended already: looks first, then waits. See `Listener.waitForEnd`. */
  waitForEnd(id: string, options: WaitOptions): Promise<PredictionRead | null>
  /** Sends everybody home with what is known now. */
  stop(): void
  isStopped(): boolean
  /** How many wait now. */
  count(): Record<WaiterKind, number>
}

/** What wakes somebody: an announcement, or a reading that is what is waited for (null: there is no such prediction). */
type Heard = { message: string } | { read: PredictionRead | null }

/** The reading that an announcement brings along; null when it brings none, or of something that has not ended. */
const readMessage = (id: string, data: PredictJobData, message: string): PredictionRead | null => {
  const end = parseEndMessage(message)
  const record = end === null ? null : parseRecord(id, data, end.values)
  if (end === null || record === null) return null
  const nowMs = end.now_ms
  const read = { record, status: readStatus(record, nowMs), nowMs, position: null }
  return isEnded(read) ? read : null
}

/** Waiting for predictions: one subscription per gateway, for all models, and bells by prediction id. */
export const createWaits = (deps: {
  subscriber: RedisConnection
  reader: Pick<RecordReader, 'read'>
  keys: Keys
}): Waits => {
  const bells = createBells<Heard>()
  // An announcement can be missed: a worker may die before it makes it, a connection may be down when it is made.
  const safetyPoll = createSafetyPoll(deps.reader.read)
  let isStopped = false
  const counts: Record<WaiterKind, number> = { answer: 0, events: 0, results: 0 }

  deps.subscriber.on('message', (_channel, message) => bells.ring(readEndedId(message), { message }))
  const subscribe = (): void => void deps.subscriber.subscribe(deps.keys.ended).catch(() => undefined)
  // The client repeats only a subscription that Redis once accepted, and drops one that a login failed before.
  deps.subscriber.on('ready', subscribe)
  subscribe()

  const isOver = (signal?: AbortSignal): boolean => isStopped || signal?.aborted === true

  const listen = (id: string, kind: WaiterKind = 'answer'): Listener => {
    const { bell, remove } = bells.hang(id)

    const look = async (isLast: boolean): Promise<PredictionRead | null | undefined> => {
      try {
        return await deps.reader.read(id)
      } catch (error) {
        // The job is safe in Redis even while Redis is away: only the last look may fail.
        if (isLast) throw error
        return undefined
      }
    }

    /** What was heard in time; undefined when it has to be looked for. */
    const listenFor = async (
      data: PredictJobData,
      ms: number,
    ): Promise<PredictionRead | null | undefined> => {
      const heard = await bell.next(ms)
      if (heard === null) return undefined
      return 'read' in heard ? heard.read : (readMessage(id, data, heard.message) ?? undefined)
    }

    const waitUntil: Listener['waitUntil'] = async (isReached, data, { timeoutMs, signal }) => {
      const endsAt = performance.now() + timeoutMs
      const wake = (): void => bell.ring()
      signal?.addEventListener('abort', wake)
      const show = (read: PredictionRead | null): void => {
        if (read === null || isReached(read)) bell.ring({ read })
      }
      counts[kind] += 1
      const unwatch = timeoutMs > 0 ? safetyPoll.watch(id, show) : () => undefined
      try {
        for (;;) {
          const remainingMs = endsAt - performance.now()
          if (remainingMs > 0 && !isOver(signal)) {
            const heard = await listenFor(data, remainingMs)
            if (heard !== undefined) return heard
          }
          const isLast = performance.now() >= endsAt || isOver(signal)
          const read = await look(isLast)
          if (read !== undefined && (isLast || read === null || isReached(read))) return read
        }
      } finally {
        counts[kind] -= 1
        unwatch()
        signal?.removeEventListener('abort', wake)
      }
    }

    return {
      waitForEnd: (data, options) => waitUntil(isEnded, data, options),
      waitUntil,
      close: remove,
    }
  }

  return {
    listen,
    async waitForEnd(id, { timeoutMs, signal }) {
      // Listening begins before the first look, so that nothing falls between the two.
      const listener = listen(id)
      try {
        const read = await deps.reader.read(id)
        if (read === null || isEnded(read) || timeoutMs <= 0) return read
        const options = { timeoutMs, ...(signal === undefined ? {} : { signal }) }
        return await listener.waitForEnd(read.record.data, options)
      } finally {
        listener.close()
      }
    },
    stop() {
      isStopped = true
      bells.ringAll()
    },
    isStopped: () => isStopped,
    count: () => ({ ...counts }),
  }
}
