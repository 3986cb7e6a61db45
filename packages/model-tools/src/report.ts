export type Outcome = 'ok' | 'FAILED' | 'not verified'

/** Prints checks as they are made, and counts those that failed. */
export interface Report {
  readonly failed: number
  add(outcome: Outcome, what: string, detail: string): void
  /** More of the check before. */
  note(line: string): void
}

const OUTCOME_WIDTH = 'not verified'.length
const WHAT_WIDTH = 'tensors'.length

export function createReport(print: (line: string) => void): Report {
  let failed = 0
  return {
    get failed() {
      return failed
    },
    add(outcome, what, detail) {
      if (outcome === 'FAILED') failed += 1
      print(`${`${outcome}:`.padEnd(OUTCOME_WIDTH + 1)} ${what.padEnd(WHAT_WIDTH)}  ${detail}`)
    },
    note: (line) => print(`${' '.repeat(OUTCOME_WIDTH + WHAT_WIDTH + 4)}${line}`),
  }
}
