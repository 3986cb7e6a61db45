import { AppError } from '@menagerie/contract/errors'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Waits } from '../waits.ts'
import type { StoredBatch } from './batch-record.ts'
import type { BatchReader } from './batch-reader.ts'
import { hasItemEnded, type ItemRead } from './batch-status.ts'
import type { BatchViewer } from './view-batch.ts'

export interface ResultStreamDeps {
  reader: Pick<BatchReader, 'readItems'>
  waits: Pick<Waits, 'listen' | 'isStopped'>
  viewResult: BatchViewer['viewResult']
}

// So many records are read, and shown, at a time.
const SLICE = 50
// How long nobody looks at an item whose end was not announced is the listener's business; this only bounds one wait.
const WAIT_MS = 30_000
const AWAY_MS = 500

/**
 * The results of a batch as lines of JSON, in order, each as soon as its item and all before it have ended. Ends after
 * the last one, when the signal fires, and when the gateway stops. While Redis is away the stream goes on.
 *
 * @param from the place of the first item to be shown
 */
export async function* streamResults(
  deps: ResultStreamDeps,
  batch: StoredBatch,
  options: { from: number; baseUrl: string; signal: AbortSignal },
): AsyncGenerator<string, void, undefined> {
  const { signal, baseUrl } = options
  const isOver = (): boolean => signal.aborted || deps.waits.isStopped()
  let next = options.from
  while (next < batch.items.length && !isOver()) {
    try {
      for (const item of await readEnded(deps, batch, next, signal)) {
        yield `${JSON.stringify(await deps.viewResult(item, baseUrl))}\n`
        next += 1
      }
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      await sleep(AWAY_MS)
    }
  }
}

/** The items from a place on that have ended without a gap; waits for the first of them. */
const readEnded = async (
  deps: ResultStreamDeps,
  batch: StoredBatch,
  from: number,
  signal: AbortSignal,
): Promise<ItemRead[]> => {
  // Listening begins before the reading, so that nothing falls between the two.
  const listener = deps.waits.listen(batch.items[from]?.prediction_id ?? '', 'results')
  try {
    const items = await deps.reader.readItems(batch, from, from + SLICE)
    const open = items.findIndex((item) => !hasItemEnded(item))
    if (open !== 0) return open === -1 ? items : items.slice(0, open)
    const data = items[0]?.read?.record.data
    if (data !== undefined) await listener.waitForEnd(data, { timeoutMs: WAIT_MS, signal })
    return []
  } finally {
    listener.close()
  }
}
