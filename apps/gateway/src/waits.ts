import { parseEndMessage, readEndedId } from '@menagerie/contract/end-message'
import type { PredictJobData } from '@menagerie/contract/job'
import { readStatus } from '@menagerie/contract/job-record'
import { parseRecord } from '@menagerie/contract/record-fields'
import type { Keys } from '@menagerie/shared/keys'
import type { RedisConnection } from '@menagerie/shared/redis'
import { createBells } from './bells.ts'
import { isEnded, type PredictionRead, type RecordReader } from './record-reader.ts'

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
  /** Like `waitForEnd`, but until the status is another than in this reading. Beginnings are found by looking. */
  waitForChange(known: PredictionRead, options: WaitOptions): Promise<PredictionRead | null>
  close(): void
}

export interface Waits {
  /** For a prediction that is about to be enqueued: nothing of it can be missed, so no first look is needed. */
  listen(id: string): Listener
  /** For a prediction that may have ended already: looks first, then waits. See `Listener.waitForEnd`. */
  waitForEnd(id: string, options: WaitOptions): Promise<PredictionRead | null>
  /** Sends everybody home with what is known now. */
  stop(): void
  isStopped(): boolean
}

/**
 * An announcement can be missed: a worker may die before it makes it, a connection may be down when it is made. So
 * everybody who waits looks again after this long at the latest.
 */
const SAFETY_POLL_MS = 2000
/** They look at common moments, and so together: 5,000 who wait are 30 scripts a second in place of 2,500. */
const LOOK_GRID_MS = 250

const untilNextLook = (): number => SAFETY_POLL_MS - (performance.now() % LOOK_GRID_MS)

/** The reading that an announcement brings along; null when it brings none, or of something that has not ended. */
const readMessage = (id: string, data: PredictJobData, message: string | null): PredictionRead | null => {
  const end = message === null ? null : parseEndMessage(message)
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
  const bells = createBells()
  let isStopped = false

  deps.subscriber.on('message', (_channel, message) => bells.ring(readEndedId(message), message))
  const subscribe = (): void => void deps.subscriber.subscribe(deps.keys.ended).catch(() => undefined)
  // The client repeats only a subscription that Redis once accepted, and drops one that a login failed before.
  deps.subscriber.on('ready', subscribe)
  subscribe()

  const isOver = (signal?: AbortSignal): boolean => isStopped || signal?.aborted === true

  const listen = (id: string): Listener => {
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

    const waitUntil = async (
      isReached: (read: PredictionRead) => boolean,
      data: PredictJobData,
      { timeoutMs, signal }: WaitOptions,
    ): Promise<PredictionRead | null> => {
      const endsAt = performance.now() + timeoutMs
      const wake = (): void => bell.ring()
      signal?.addEventListener('abort', wake)
      try {
        for (;;) {
          const remainingMs = endsAt - performance.now()
          if (remainingMs > 0 && !isOver(signal)) {
            const message = await bell.next(Math.min(remainingMs, untilNextLook()))
            const told = readMessage(id, data, message)
            if (told !== null) return told
          }
          const isLast = performance.now() >= endsAt || isOver(signal)
          const read = await look(isLast)
          if (read !== undefined && (isLast || read === null || isReached(read))) return read
        }
      } finally {
        signal?.removeEventListener('abort', wake)
      }
    }

    return {
      waitForEnd: (data, options) => waitUntil(isEnded, data, options),
      waitForChange: (known, options) =>
        waitUntil(({ status }) => status !== known.status, known.record.data, options),
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
  }
}
