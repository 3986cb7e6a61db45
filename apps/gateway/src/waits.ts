import { parseEndMessage, readEndedId } from '@menagerie/contract/end-message'
import type { PredictJobData } from '@menagerie/contract/job'
import { readStatus } from '@menagerie/contract/job-record'
import { parseRecord } from '@menagerie/contract/record-fields'
import type { Keys } from '@menagerie/shared/keys'
import type { Redis } from 'ioredis'
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
  close(): void
}

export interface Waits {
  /** For a prediction that is about to be enqueued: nothing of it can be missed, so no first look is needed. */
  listen(id: string): Listener
  /** For a prediction that may have ended already: looks first, then waits. See `Listener.waitForEnd`. */
  waitForEnd(id: string, options: WaitOptions): Promise<PredictionRead | null>
  /** Sends everybody home with what is known now. */
  stop(): void
}

/**
 * An announcement can be missed: a worker may die before it makes it, a connection may be down when it is made. So
 * everybody who waits looks again after this long at the latest.
 */
const SAFETY_POLL_MS = 2000

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
  subscriber: Redis
  reader: Pick<RecordReader, 'read'>
  keys: Keys
}): Waits => {
  const bells = createBells()
  let isStopped = false

  deps.subscriber.on('message', (_channel, message) => bells.ring(readEndedId(message), message))
  // It subscribes again by itself whenever the connection is back; what fails now is what ends the connection.
  deps.subscriber.subscribe(deps.keys.ended).catch(() => undefined)

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

    return {
      async waitForEnd(data, { timeoutMs, signal }) {
        const endsAt = performance.now() + timeoutMs
        const wake = (): void => bell.ring()
        signal?.addEventListener('abort', wake)
        try {
          for (;;) {
            const remainingMs = endsAt - performance.now()
            if (remainingMs > 0 && !isOver(signal)) {
              const message = await bell.next(Math.min(remainingMs, SAFETY_POLL_MS))
              const told = readMessage(id, data, message)
              if (told !== null) return told
            }
            const isLast = performance.now() >= endsAt || isOver(signal)
            const read = await look(isLast)
            if (read !== undefined && (isLast || read === null || isEnded(read))) return read
          }
        } finally {
          signal?.removeEventListener('abort', wake)
        }
      },
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
  }
}
