import { AppError } from '@menagerie/contract/errors'
import type { Prediction } from '@menagerie/contract/prediction'
import { isEnded, type PredictionRead } from './record-reader.ts'
import { listStatusChanges } from './status-history.ts'
import type { Listener, Waits } from './waits.ts'

export interface EventStreamDeps {
  waits: Pick<Waits, 'isStopped'>
  listener: Pick<Listener, 'waitUntil'>
  view: (read: PredictionRead) => Promise<Prediction>
}

// A proxy in between may close what is silent for a minute; a client that is gone is noticed by writing to it.
const HEARTBEAT_MS = 15_000
/** Of the places in the queue, one in this time is told at most. */
const POSITION_MS = 5000
/** How long a client shall wait before it comes again. */
const RETRY = 'retry: 1000\n\n'
const HEARTBEAT = ': still here\n\n'

/**
 * The text of a stream of server-sent events (WHATWG HTML, 9.2): every status that the prediction reaches after the
 * one with number `seen`, and, without an id of their own, the places in the queue that it comes to. Ends with the
 * terminal status, when the signal fires, and when the gateway stops; then with the hint to come again.
 *
 * @param first a reading that was made while the listener was listening
 */
export async function* streamEvents(
  deps: EventStreamDeps,
  first: PredictionRead,
  options: { seen: number; signal: AbortSignal },
): AsyncGenerator<string> {
  yield RETRY
  try {
    yield* followStatus(deps, first, options)
  } catch (error) {
    // What has happened cannot be shown just now: the client comes again for it.
    if (!(error instanceof AppError)) throw error
    yield RETRY
  }
}

/** While Redis is away the stream goes on: browsers do not come again after an error such as 503. */
const keepKnown = (error: unknown, known: PredictionRead): PredictionRead => {
  if (error instanceof AppError) return known
  throw error
}

/** What is to be told of a reading to somebody who knows everything up to number `sent`. JSON has no line breaks. */
async function* tellChanges(
  view: EventStreamDeps['view'],
  read: PredictionRead,
  { sent, position }: { sent: number; position: number | null },
): AsyncGenerator<string> {
  const changes = listStatusChanges(read).filter(({ number }) => number > sent)
  for (const { number, read: then } of changes) {
    yield `id: ${number}\nevent: ${then.status}\ndata: ${JSON.stringify(await view(then))}\n\n`
  }
  if (changes.length === 0 && read.position !== position) {
    yield `event: position\ndata: ${JSON.stringify((await view(read)).queue)}\n\n`
  }
}

/** Whether a reading is worth telling after this one. */
const isNews = (known: PredictionRead, read: PredictionRead): boolean =>
  read.status !== known.status ||
  (read.position !== known.position && read.nowMs >= known.nowMs + POSITION_MS)

async function* followStatus(
  { waits, listener, view }: EventStreamDeps,
  first: PredictionRead,
  { seen, signal }: { seen: number; signal: AbortSignal },
): AsyncGenerator<string> {
  let told: { sent: number; position: number | null } = { sent: seen, position: null }
  for (let read = first; ;) {
    yield* tellChanges(view, read, told)
    if (isEnded(read)) return
    told = { sent: Math.max(told.sent, listStatusChanges(read).at(-1)?.number ?? 0), position: read.position }
    const known = read
    const next = await listener
      .waitUntil((now) => isNews(known, now), known.record.data, { timeoutMs: HEARTBEAT_MS, signal })
      .catch((error: unknown) => keepKnown(error, known))
    if (next === null || signal.aborted) return
    if (!isNews(known, next)) {
      if (waits.isStopped()) {
        yield RETRY
        return
      }
      yield HEARTBEAT
    } else {
      read = next
    }
  }
}
