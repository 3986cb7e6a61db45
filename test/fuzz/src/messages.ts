import type { ErrorCode } from '@menagerie/contract/errors'

export interface CaseMessage {
  type: 'case'
  number: number
  bytes: Uint8Array
  /** Not only decoded, but classified. */
  isClassified: boolean
}

export type MessageToChild = CaseMessage | { type: 'stop' }

export type Outcome =
  | { kind: 'decoded' }
  | { kind: 'refused'; code: ErrorCode }
  | { kind: 'unexpected'; detail: string }

export type MessageFromChild =
  | { type: 'ready' }
  | { type: 'answer'; number: number; outcome: Outcome; ms: number }
  | { type: 'memory'; rssBytes: number }
