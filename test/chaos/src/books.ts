import type { PredictionStatus } from '@menagerie/contract/prediction'
import { isTerminal } from '@menagerie/contract/prediction'
import type { ReceivedWebhook } from '@menagerie/harness/webhook-receiver'
import type { Submission } from './submissions.ts'

/** What counts of a prediction as a client reads it. */
export interface View {
  status: PredictionStatus
  topK: [index: number, probability: number][] | null
  error: string | null
  metadata: unknown
}

export interface Accepted {
  submission: Submission
  /** How often a 200 or 202 named it. */
  answers: number
  /** The first terminal view that a client got while the run went on. */
  ended: View | null
  /** When that was noted, by `performance.now()`. */
  endedAt: number
}

/** Counted under its kind in the last line of a run; `subject` is the id or key that it is about. */
export interface Finding {
  kind: 'lost' | 'wrong' | 'doubled' | 'orphan_uploads' | 'webhooks_missing' | 'unexpected'
  subject: string
  detail: string
}

export const isSameView = (one: View, other: View): boolean => JSON.stringify(one) === JSON.stringify(other)

/** What the clients and the receiver of a run have seen, kept as it happens. */
export const createBooks = () => {
  const accepted = new Map<string, Accepted>()
  const idsOfKey = new Map<string, Set<string>>()
  const hooksOf = new Map<string, ReceivedWebhook[]>()
  const findings: Finding[] = []

  return {
    /** By prediction id. */
    accepted: accepted as ReadonlyMap<string, Accepted>,
    idsOfKey: idsOfKey as ReadonlyMap<string, ReadonlySet<string>>,
    /** By prediction id. */
    hooksOf: hooksOf as ReadonlyMap<string, readonly ReceivedWebhook[]>,
    /** What was seen to be wrong before the books were checked. */
    findings: findings as readonly Finding[],

    accept(submission: Submission, id: string): void {
      const entry = accepted.get(id) ?? { submission, answers: 0, ended: null, endedAt: 0 }
      entry.answers += 1
      accepted.set(id, entry)
      if (submission.key === null) return
      const ids = idsOfKey.get(submission.key) ?? new Set()
      idsOfKey.set(submission.key, ids.add(id))
    },

    /**
     * Notes what a client was shown of an accepted prediction; null: that there is none. Asked for before the end was
     * noted, an answer may be from before it, and arrive after it.
     */
    see(id: string, view: View | null, askedAt = performance.now()): void {
      const entry = accepted.get(id)
      if (entry === undefined) return
      if (view === null) {
        findings.push({
          kind: 'wrong',
          subject: id,
          detail: 'was not found for a moment after it was accepted',
        })
        return
      }
      if (entry.ended === null) {
        if (isTerminal(view.status)) Object.assign(entry, { ended: view, endedAt: performance.now() })
        return
      }
      if (askedAt < entry.endedAt || isSameView(entry.ended, view)) return
      const detail = `had ended as ${JSON.stringify(entry.ended)}, then showed ${JSON.stringify(view)}`
      findings.push({ kind: 'wrong', subject: id, detail })
    },

    receive(hook: ReceivedWebhook): void {
      const predictionId = String(hook.event.data['id'])
      hooksOf.set(predictionId, [...(hooksOf.get(predictionId) ?? []), hook])
    },

    report(kind: Finding['kind'], subject: string, detail: string): void {
      findings.push({ kind, subject, detail })
    },
  }
}
export type Books = ReturnType<typeof createBooks>
