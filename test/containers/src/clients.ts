import type { Prediction } from '@menagerie/contract/prediction'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

const RETRY_MS = 300
const REQUEST_TIMEOUT_MS = 20_000
// Far beyond what any restart here takes: what has not ended by then counts as lost.
const END_TIMEOUT_MS = 240_000

export interface Books {
  accepted: number
  succeeded: number
  /** Accepted, and not succeeded in the end. */
  lost: string[]
  /** Begun by more than one worker, because one was killed or gave it back. */
  repeated: number
  /** Requests that had to be sent again. */
  retries: number
  workers: Set<string>
}

const isOver = ({ status }: Prediction): boolean => status !== 'queued' && status !== 'processing'

/**
 * Clients that come again until they are answered, as docs/reliability.md tells them to: each submission has a key, so that
 * it stays one prediction. They keep a list of what was accepted, and hold the service to it.
 */
export const createClients = (url: string, pictures: readonly Uint8Array[]) => {
  const accepted: string[] = []
  let sent = 0
  let retries = 0

  /** The answer to a request, sent again while there is none or it says to come later. */
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const endsAt = performance.now() + END_TIMEOUT_MS
    for (;;) {
      const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
      const answer = await fetch(`${url}${path}`, { ...init, signal }).catch(() => null)
      if (answer !== null && answer.status < 500 && answer.status !== 429) return answer
      await answer?.arrayBuffer().catch(() => undefined)
      if (performance.now() > endsAt) throw new Error(`${path}: no answer but ${answer?.status ?? 'none'}`)
      retries += 1
      await sleep(Number(answer?.headers.get('retry-after') ?? 0) * 1000 || RETRY_MS)
    }
  }

  /** Sends the next picture, and resolves with the id under which it was accepted. */
  const submit = async (): Promise<string> => {
    const picture = pictures[sent++ % pictures.length] ?? new Uint8Array()
    const answer = await ask('/v1/predictions', {
      method: 'POST',
      headers: { 'content-type': 'image/jpeg', 'idempotency-key': randomUUID() },
      body: new Uint8Array(picture),
    })
    const body = await answer.text()
    if (answer.status !== 202 && answer.status !== 200) throw new Error(`${answer.status}: ${body}`)
    const { id } = JSON.parse(body) as Prediction
    accepted.push(id)
    return id
  }

  const read = async (id: string, waitSeconds = 0): Promise<Prediction | null> => {
    const answer = await ask(`/v1/predictions/${id}?wait=${waitSeconds}`)
    const body = await answer.text()
    return answer.status === 200 ? (JSON.parse(body) as Prediction) : null
  }

  /** Null: nobody knows it any more, or it does not end. */
  const waitForEnd = async (id: string): Promise<Prediction | null> => {
    const endsAt = performance.now() + END_TIMEOUT_MS
    while (performance.now() < endsAt) {
      const prediction = await read(id, 10)
      if (prediction === null || isOver(prediction)) return prediction
    }
    return null
  }

  return {
    submit,
    read,
    /** Clients that send and wait, one after the other, until they are stopped. */
    startLanes(count: number) {
      const stopping = new AbortController()
      let ended = 0
      const lane = async (): Promise<void> => {
        while (!stopping.signal.aborted) {
          await waitForEnd(await submit())
          ended += 1
        }
      }
      const lanes = Promise.all(Array.from({ length: count }, lane))
      // Looked at when they are stopped.
      lanes.catch(() => undefined)
      return {
        countEnded: () => ended,
        async stop() {
          stopping.abort()
          await lanes
        },
      }
    },
    /** Waits for the end of all that was accepted since the last time, and counts. */
    async settle(): Promise<Books> {
      const ids = accepted.splice(0)
      const ends = await Promise.all(ids.map(async (id) => ({ id, end: await waitForEnd(id) })))
      const succeeded = ends.filter(({ end }) => end?.status === 'succeeded')
      const books = {
        accepted: ids.length,
        succeeded: succeeded.length,
        lost: ends
          .filter(({ end }) => end?.status !== 'succeeded')
          .map(({ id, end }) => `${id} ${end?.status ?? 'gone'} ${end?.error?.code ?? ''}`.trim()),
        repeated: succeeded.filter(({ end }) => (end?.metrics.attempts ?? 0) > 1).length,
        retries,
        workers: new Set(succeeded.map(({ end }) => end?.metrics.worker ?? '')),
      }
      retries = 0
      return books
    },
  }
}
export type Clients = ReturnType<typeof createClients>
