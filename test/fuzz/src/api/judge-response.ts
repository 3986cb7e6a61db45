import type { NamedOperation } from '@menagerie/gateway/openapi/document'
import type { SchemaChecker } from '@menagerie/gateway/testing/check-schema'

export interface ApiResponse {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

/** Server errors that say that something has to be waited for. */
const EXPECTED_5XX = new Set([503, 504])

const parseBodies = (type: string, text: string): unknown[] => {
  if (type === 'application/x-ndjson')
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as unknown)
  return /json/.test(type) ? [JSON.parse(text) as unknown] : [text]
}

/** What the document does not say about this answer; null: it says it all. */
export const findFault = (
  check: SchemaChecker,
  { operation }: NamedOperation,
  { status, headers, text }: ApiResponse,
): string | null => {
  if (status >= 500 && !EXPECTED_5XX.has(status)) return `answered ${status}`
  const documented = operation.responses[status]
  if (documented === undefined) return `the status ${status} is not documented`
  const type = String(headers['content-type'] ?? '').split(';')[0] ?? ''
  const types = Object.keys(documented.content ?? {})
  if (types.length === 0) return text === '' ? null : `${status} has a body, and none is documented`
  const media = documented.content?.[type]
  if (media === undefined)
    return `the content type ${type} of ${status} is not documented (${types.join(', ')} is)`
  for (const body of parseBodies(type, text)) {
    const mismatch = check(media.schema, body)
    if (mismatch !== null) return `${status} ${type} does not match its schema: ${mismatch}`
  }
  return null
}
