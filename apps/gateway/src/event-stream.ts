import { AppError } from '@menagerie/contract/errors'
import type { Prediction } from '@menagerie/contract/prediction'
import { isEnded, type PredictionRead } from './record-reader.ts'
import { listStatusChanges } from './status-history.ts'
import type { Listener, Waits } from './waits.ts'

export interface EventStreamDeps {
  waits: Pick<Waits, 'isStopped'>
  listener: Pick<Listener, 'waitForChange'>
  view: (read: PredictionRead) => Promise<Prediction>
}

// A proxy in between may close what is silent for a minute; a client that is gone is noticed by writing to it.
const HEARTBEAT_MS = 15_000
/** How long a client shall wait before it comes again. */
const RETRY = 'retry: 1000\n\n'
const HEARTBEAT = ': still here\n\n'

/**
 * The text of a stream of server-sent events (WHATWG HTML, 9.2): every status that the prediction reaches after the
 * one with number `seen`. Ends with the terminal status, when the signal fires, and when the gateway stops; then with
 * the hint to come again.
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

async function* followStatus(
  { waits, listener, view }: EventStreamDeps,
  first: PredictionRead,
  { seen, signal }: { seen: number; signal: AbortSignal },
): AsyncGenerator<string> {
  let sent = seen
  for (let read = first; ;) {
    for (const { number, read: then } of listStatusChanges(read)) {
      if (number <= sent) continue
      // JSON has no line breaks, so it is one line of data.
      yield `id: ${number}\nevent: ${then.status}\ndata: ${JSON.stringify(await view(then))}\n\n`
      sent = number
    }
    if (isEnded(read)) return
    const known = read
    const next = await listener
      .waitForChange(known, { timeoutMs: HEARTBEAT_MS, signal })
      .catch((error: unknown) => keepKnown(error, known))
    if (next === null || signal.aborted) return
    if (next.status === known.status) {
      if (waits.isStopped()) {
        yield RETRY
        return
      }
      yield HEARTBEAT
    }
    read = next
  }
}
