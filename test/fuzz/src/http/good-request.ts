import { makeForm } from '@menagerie/harness/form'
import { PICTURE } from './base-requests.ts'

const TIMEOUT_MS = 20_000

// Each over a connection of its own: what is still open at the end is the gateway's.
const HEADERS = { connection: 'close' }

const call = (url: string, init: RequestInit = {}): Promise<Response> =>
  fetch(url, { ...init, headers: HEADERS, signal: AbortSignal.timeout(TIMEOUT_MS) })

export const forget = async (url: string, id: string): Promise<boolean> =>
  (await call(`${url}/v1/predictions/${encodeURIComponent(id)}`, { method: 'DELETE' })).status === 204

/** Forgets every prediction of a batch. */
export const forgetBatch = async (url: string, id: string): Promise<void> => {
  const read = await call(`${url}/v1/batches/${encodeURIComponent(id)}`)
  const { items = [] } = (await read.json()) as { items?: Array<{ prediction_id: string | null }> }
  for (const { prediction_id } of items) if (prediction_id !== null) await forget(url, prediction_id)
}

/** Asks for a prediction, reads it and deletes it, as any client does; null: all as it should be. */
export const findServiceFault = async (url: string): Promise<string | null> => {
  try {
    const accepted = await call(`${url}/v1/predictions`, { method: 'POST', body: makeForm(PICTURE) })
    if (accepted.status !== 202) return `a good request got ${accepted.status}: ${await accepted.text()}`
    const { id } = (await accepted.json()) as { id: string }
    const read = await call(`${url}/v1/predictions/${id}`)
    const { status } = (await read.json()) as { status: string }
    if (status !== 'queued') return `a prediction that was just accepted reads ${status}`
    return (await forget(url, id)) ? null : 'a prediction cannot be deleted'
  } catch (error) {
    return `a good request failed: ${String(error)}`
  }
}
