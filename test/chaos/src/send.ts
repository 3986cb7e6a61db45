import type { Prediction } from '@menagerie/contract/prediction'
import { makeForm } from '@menagerie/harness/form'
import { metadataOf } from './audit.ts'
import type { View } from './books.ts'
import type { Submission } from './submissions.ts'

/** What an attempt came to. */
export type Answer =
  | { kind: 'accepted'; status: number; id: string; view: View | null }
  /** Whether it was accepted is not known, or it was not: the client may try again. */
  | { kind: 'again'; reason: string }
  | { kind: 'refused'; status: number; body: string }

const ATTEMPT_TIMEOUT_MS = 15_000
const READ_TIMEOUT_MS = 10_000

export const viewOf = (prediction: Prediction): View => ({
  status: prediction.status,
  topK: prediction.output?.top_k.map(({ index, probability }) => [index, probability]) ?? null,
  error: prediction.error?.code ?? null,
  metadata: prediction.metadata,
})

const optionsOf = (submission: Submission, webhookUrl: string): Record<string, string> => ({
  top_k: String(submission.topK),
  metadata: JSON.stringify(metadataOf(submission)),
  ...(submission.isWebhookWanted ? { webhook: webhookUrl } : {}),
})

const headersOf = (submission: Submission): Record<string, string> => ({
  ...(submission.key === null ? {} : { 'idempotency-key': submission.key }),
  ...(submission.isFresh ? { 'cache-control': 'no-cache' } : {}),
  ...(submission.waitSeconds === null ? {} : { prefer: `wait=${submission.waitSeconds}` }),
})

const post = (
  gatewayUrl: string,
  submission: Submission,
  picture: Buffer,
  webhookUrl: string,
): Promise<Response> => {
  const options = optionsOf(submission, webhookUrl)
  const headers = headersOf(submission)
  const signal = AbortSignal.timeout(ATTEMPT_TIMEOUT_MS)
  if (submission.isForm) {
    const body = makeForm(picture, options)
    return fetch(`${gatewayUrl}/v1/predictions`, { method: 'POST', headers, body, signal })
  }
  return fetch(`${gatewayUrl}/v1/predictions?${new URLSearchParams(options).toString()}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'image/jpeg' },
    body: new Uint8Array(picture),
    signal,
  })
}

const problemCode = (body: string): string => /"code":"(\w+)"/.exec(body)?.[1] ?? 'no code'

/** One attempt of a submission at one gateway. */
export const sendSubmission = async (
  gatewayUrl: string,
  submission: Submission,
  picture: Buffer,
  webhookUrl: string,
): Promise<Answer> => {
  const response = await post(gatewayUrl, submission, picture, webhookUrl).catch(() => null)
  if (response === null) return { kind: 'again', reason: 'no answer' }
  const { status } = response
  const body = await response.text().catch(() => null)
  if (status === 200 || status === 202) {
    // The promise is made with the head: the id is in it, even if the gateway dies before the body is through.
    const id = response.headers.get('location')?.split('/').at(-1)
    if (id === undefined) return { kind: 'refused', status, body: 'there is no location' }
    return {
      kind: 'accepted',
      status,
      id,
      view: body === null ? null : viewOf(JSON.parse(body) as Prediction),
    }
  }
  if (status >= 500 || problemCode(body ?? '') === 'idempotency_key_in_use')
    return { kind: 'again', reason: `${status} ${problemCode(body ?? '')}` }
  return { kind: 'refused', status, body: body ?? '' }
}

/** A prediction as a gateway shows it; null: there is none. `unknown`: no answer, or an error of the service. */
export const readView = async (
  gatewayUrl: string,
  id: string,
  waitSeconds = 0,
): Promise<View | null | 'unknown'> => {
  try {
    const response = await fetch(`${gatewayUrl}/v1/predictions/${id}?wait=${waitSeconds}`, {
      signal: AbortSignal.timeout(READ_TIMEOUT_MS),
    })
    const body = await response.text()
    if (response.status === 404) return null
    return response.status === 200 ? viewOf(JSON.parse(body) as Prediction) : 'unknown'
  } catch {
    return 'unknown'
  }
}
