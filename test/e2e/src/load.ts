import type { Prediction } from '@menagerie/contract/prediction'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 50

export interface Load {
  /** Answers by status, of all requests. */
  answers: Record<number, number>
  /** Pictures that a request has been answered for with the class. */
  classified: number
  /** How often a client came again because it was told to. */
  retries: number
  /** Requests without an answer, or with one that is none. */
  failures: string[]
  /** Predictions that were accepted, by what the client was told. */
  accepted: Set<string>
  countAnswers(): number
  /** Lets every client finish what it is in the middle of. */
  stop(): Promise<void>
}

/**
 * Clients in closed loops, as ordinary programs do it (`fetch`, keep-alive connections): some post and wait for the
 * answer, some post and poll, some post with `Prefer: wait`.
 *
 * @param options.mayRetry whether a 503 with `Retry-After` is bridged, and no failure
 */
export const startLoad = (
  url: string,
  picture: Uint8Array,
  options: { clientsPerKind: number; mayRetry: () => boolean },
): Load => {
  const stopping = new AbortController()
  const answers: Record<number, number> = {}
  const failures: string[] = []
  const accepted = new Set<string>()
  const load = { answers, failures, accepted, classified: 0, retries: 0 }

  const request = async (path: string, init: RequestInit): Promise<{ status: number; body: string }> => {
    for (;;) {
      const couldRetry = options.mayRetry()
      const answer = await fetch(`${url}${path}`, init)
      const body = await answer.text()
      answers[answer.status] = (answers[answer.status] ?? 0) + 1
      const retryAfter = answer.headers.get('retry-after')
      if (answer.status !== 503 || retryAfter === null || !(couldRetry || options.mayRetry())) {
        return { status: answer.status, body }
      }
      load.retries += 1
      await sleep(Number(retryAfter) * 1000)
    }
  }

  const post = (path: string, headers: Record<string, string> = {}) =>
    request(path, {
      method: 'POST',
      headers: { 'content-type': 'image/jpeg', ...headers },
      body: new Uint8Array(picture),
    })

  const expectStatus = (
    { status, body }: { status: number; body: string },
    ...expected: number[]
  ): string => {
    if (!expected.includes(status)) throw new Error(`answered ${status}: ${body}`)
    return body
  }

  /** Polls what was accepted until it has ended. */
  const pollToEnd = async (body: string): Promise<void> => {
    let prediction = JSON.parse(body) as Prediction
    accepted.add(prediction.id)
    while (prediction.status === 'queued' || prediction.status === 'processing') {
      await sleep(POLL_MS)
      const read = await request(`/v1/predictions/${prediction.id}`, {})
      prediction = JSON.parse(expectStatus(read, 200)) as Prediction
    }
    if (prediction.status !== 'succeeded') throw new Error(`ended as ${prediction.status}`)
    load.classified += 1
  }

  const kinds: Record<string, () => Promise<void>> = {
    async 'post and wait'() {
      const answer = await post('/')
      const body = expectStatus(answer, 200, 202)
      if (answer.status === 202) return pollToEnd(body)
      load.classified += 1
    },
    'post and poll': async () => pollToEnd(expectStatus(await post('/v1/predictions'), 202)),
    'prefer wait': async () =>
      pollToEnd(expectStatus(await post('/v1/predictions', { prefer: 'wait=10' }), 200, 202)),
  }

  const run = async (kind: string, once: () => Promise<void>): Promise<void> => {
    while (!stopping.signal.aborted) {
      await once().catch((error: unknown) => {
        const { message, cause } = error as Error
        failures.push(`${kind}: ${message} ${cause instanceof Error ? String(cause) : ''}`)
      })
    }
  }
  const clients = Object.entries(kinds).flatMap(([kind, once]) =>
    Array.from({ length: options.clientsPerKind }, () => run(kind, once)),
  )
  return Object.assign(load, {
    countAnswers: () => Object.values(answers).reduce((sum, count) => sum + count, 0),
    async stop() {
      stopping.abort()
      await Promise.all(clients)
    },
  })
}
