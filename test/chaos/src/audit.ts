import { isTerminal } from '@menagerie/contract/prediction'
import { isSameView, type Books, type Finding, type View } from './books.ts'
import type { Expected } from './reference.ts'
import type { Submission } from './submissions.ts'

/** A prediction as it lies in Redis. */
export interface StoredJob {
  id: string
  /** From its metadata; null: it was sent without. */
  key: string | null
}

export interface Evidence {
  /** Every accepted prediction as it is at the end, by id; null: there is none. */
  views: ReadonlyMap<string, View | null>
  /** All that Redis has, accepted or not. */
  jobs: readonly StoredJob[]
  /** Ids of uploads that a sweep has left, other than those that are kept for predictions that failed. */
  uploads: readonly string[]
}

// The same classifier ran on the same bytes; only the way to the text and back may change a bit.
const PROBABILITY_ERROR_MAX = 1e-6

const isSameAnswer = (expected: Expected & { status: 'succeeded' }, topK: number, view: View): boolean => {
  const wanted = expected.topK.slice(0, topK)
  return (
    view.topK?.length === wanted.length &&
    wanted.every(([index, probability], i) => {
      const [seenIndex, seenProbability] = view.topK?.[i] ?? [-1, -1]
      return seenIndex === index && Math.abs(seenProbability - probability) <= PROBABILITY_ERROR_MAX
    })
  )
}

/** The metadata of a submission, by which a prediction is known again. */
export const metadataOf = (submission: Submission): Record<string, unknown> => ({
  n: submission.number,
  ...(submission.key === null ? {} : { key: submission.key }),
})

const checkEnd = (id: string, submission: Submission, expected: Expected, view: View | null): Finding[] => {
  const find = (kind: Finding['kind'], detail: string): Finding[] => [{ kind, subject: id, detail }]
  if (view === null) return find('lost', 'was accepted, and there is no such prediction')
  if (!isTerminal(view.status)) return find('lost', `was accepted, and is still ${view.status}`)
  if (JSON.stringify(view.metadata) !== JSON.stringify(metadataOf(submission))) {
    return find('wrong', `has the metadata ${JSON.stringify(view.metadata)}, of another request`)
  }
  if (expected.status === 'failed') {
    return view.error === expected.code
      ? []
      : find('wrong', `ended as ${view.status} (${view.error}), and ${expected.code} is right`)
  }
  if (view.status !== 'succeeded') return find('lost', `ended as ${view.status} (${view.error})`)
  if (isSameAnswer(expected, submission.topK, view)) return []
  return find('wrong', `answered ${JSON.stringify(view.topK)} for picture ${submission.picture}`)
}

const checkWebhooks = (books: Books, id: string, submission: Submission, view: View | null): Finding[] => {
  if (!submission.isWebhookWanted) return []
  const hooks = books.hooksOf.get(id) ?? []
  const signed = hooks.filter(({ isSignatureValid }) => isSignatureValid)
  const find = (kind: Finding['kind'], detail: string): Finding => ({ kind, subject: id, detail })
  const findings = hooks
    .filter((hook) => !hook.isSignatureValid)
    .map(({ id }) => find('wrong', `the signature of ${id} is not valid`))
  if (signed.length === 0) findings.push(find('webhooks_missing', 'no signed webhook arrived'))
  const other = signed.find(({ event }) => event.data['status'] !== view?.status)
  if (view !== null && other !== undefined) {
    findings.push(
      find('wrong', `its webhook said ${String(other.event.data['status'])}, and it is ${view.status}`),
    )
  }
  return findings
}

const checkKeys = (books: Books, jobs: readonly StoredJob[]): Finding[] => {
  const idsOfKey = new Map(Array.from(books.idsOfKey, ([key, ids]) => [key, new Set(ids)]))
  for (const { id, key } of jobs) {
    if (key !== null) idsOfKey.set(key, (idsOfKey.get(key) ?? new Set()).add(id))
  }
  return [...idsOfKey]
    .filter(([, ids]) => ids.size > 1)
    .map(([key, ids]) => ({ kind: 'doubled', subject: key, detail: `made ${[...ids].join(', ')}` }))
}

const checkWebhookIds = (books: Books): Finding[] =>
  Array.from(books.hooksOf, ([id, hooks]) => ({ id, hookIds: new Set(hooks.map((hook) => hook.id)) }))
    .filter(({ hookIds }) => hookIds.size > 1)
    .map(({ id, hookIds }) => ({
      kind: 'doubled',
      subject: id,
      detail: `was announced as ${[...hookIds].join(', ')}`,
    }))

/** Holds the books of a run against what is there at its end. */
export const auditBooks = (
  books: Books,
  evidence: Evidence,
  expectedOf: (submission: Submission) => Expected,
): Finding[] => {
  const findings: Finding[] = [...books.findings]
  for (const [id, { submission, ended }] of books.accepted) {
    const view = evidence.views.get(id) ?? null
    const ending = checkEnd(id, submission, expectedOf(submission), view)
    findings.push(...ending, ...checkWebhooks(books, id, submission, view))
    if (ended !== null && view !== null && !isSameView(ended, view)) {
      const detail = `had ended as ${JSON.stringify(ended)}, and is now ${JSON.stringify(view)}`
      findings.push({ kind: 'wrong', subject: id, detail })
    }
  }
  findings.push(...checkKeys(books, evidence.jobs), ...checkWebhookIds(books))
  for (const id of evidence.uploads) {
    findings.push({ kind: 'orphan_uploads', subject: id, detail: 'is left after a sweep' })
  }
  return findings
}
