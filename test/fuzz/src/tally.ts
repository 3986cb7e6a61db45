import type { FuzzCase } from './build-case.ts'
import type { Answer, MemoryUse } from './case-child.ts'

/** Something that must not be. Without a case: the child did not end as it should. */
export interface Finding {
  kind: 'unexpected' | 'crash' | 'hang'
  cases: FuzzCase[]
  detail: string
}

export interface Tally {
  decoded: number
  /** Count by error code. */
  refused: Record<string, number>
  unexpected: number
  crashes: number
  hangs: number
  slowest: { number: number; ms: number }
  /** Of the child with the most of it: warm and idle, at any time, after its last case. */
  rssBytes: { start: number; max: number; end: number }
}

export const createTally = (): Tally => ({
  decoded: 0,
  refused: {},
  unexpected: 0,
  crashes: 0,
  hangs: 0,
  slowest: { number: 0, ms: 0 },
  rssBytes: { start: 0, max: 0, end: 0 },
})

export const countFinding = (tally: Tally, { kind }: Finding): void => {
  const counter = ({ unexpected: 'unexpected', crash: 'crashes', hang: 'hangs' } as const)[kind]
  tally[counter]++
}

/** Counts an answer; returns the finding that it is, if it is one. */
export const countAnswer = (tally: Tally, fuzzCase: FuzzCase, { outcome, ms }: Answer): Finding | null => {
  if (ms > tally.slowest.ms) tally.slowest = { number: fuzzCase.number, ms }
  if (outcome.kind === 'unexpected') return { kind: 'unexpected', cases: [fuzzCase], detail: outcome.detail }
  if (outcome.kind === 'decoded') tally.decoded++
  else tally.refused[outcome.code] = (tally.refused[outcome.code] ?? 0) + 1
  return null
}

export const countMemory = (tally: Tally, when: 'start' | 'end', memory: MemoryUse): void => {
  const { rssBytes } = tally
  rssBytes[when] = Math.max(rssBytes[when], memory.rssBytes)
  rssBytes.max = Math.max(rssBytes.max, memory.rssBytesMax)
}
