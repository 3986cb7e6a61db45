import { setTimeout as sleep } from 'node:timers/promises'
import type { View } from './books.ts'
import { readView } from './send.ts'

const READERS = 16
const ATTEMPTS = 20
const PAUSE_MS = 500

const readOne = async (gatewayUrl: string, id: string): Promise<View | null> => {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const view = await readView(gatewayUrl, id)
    if (view !== 'unknown') return view
    await sleep(PAUSE_MS)
  }
  throw new Error(`prediction ${id} could not be read`)
}

/** Every prediction as the gateways show it, by id; null where there is none. */
export const readAll = async (
  ids: Iterable<string>,
  gatewayUrls: readonly string[],
): Promise<Map<string, View | null>> => {
  const queue = [...ids]
  const views = new Map<string, View | null>()
  const runReader = async (): Promise<void> => {
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      views.set(id, await readOne(gatewayUrls[queue.length % gatewayUrls.length] ?? '', id))
    }
  }
  await Promise.all(Array.from({ length: READERS }, runReader))
  return views
}
