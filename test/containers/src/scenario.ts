import type { Books, Clients } from './clients.ts'
import type { Composition } from './composition.ts'
import type { Weights } from './weights.ts'
import assert from 'node:assert/strict'

/** What every scenario works on: the same containers, one scenario after the other. */
export interface Scenario {
  composition: Composition
  clients: Clients
  weights: Weights
  /** Prints a figure. */
  report: (figures: Record<string, unknown>) => void
}

export const WORKERS = 3

/** What of the books is printed. */
export const summarise = ({ accepted, succeeded, lost, repeated, retries }: Books) => ({
  accepted,
  succeeded,
  lost: lost.length,
  repeated,
  retries,
})

export const assertNothingLost = ({ lost, accepted, succeeded }: Books): void => {
  assert.deepEqual(lost, [])
  assert.ok(accepted > 0)
  assert.equal(succeeded, accepted)
}
