import type { Random } from '@menagerie/harness/random'

/** What a client does next. */
export type Step = { send: Buffer } | { pauseMs: number }

/**
 * How a client ends: `wait` for an answer and then close, close its own side (`half-close`) and read on, `close` without
 * listening, `reset` the connection, or `linger` until the server has had enough.
 */
export type Ending = 'wait' | 'half-close' | 'close' | 'reset' | 'linger'

export interface CaseParts {
  description: string
  steps: Step[]
  ending: Ending
  /** That the case must not reach as a request: it is hidden where only a server that misreads the framing finds it. */
  hiddenPath?: string
}

export interface HttpCase extends CaseParts {
  number: number
  /** All that is sent. */
  bytes: Buffer
}

/** Makes the case with this number. */
export type BuildParts = (random: Random, number: number) => CaseParts

export const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

export const sendAll = (...pieces: Array<string | Buffer>): Step[] => [
  { send: Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? latin1(piece) : piece))) },
]
