import type { ConfidenceRule } from '@menagerie/contract/model-manifest'
import type { ClassProbability } from './top-k.ts'

/** For models whose manifest has no `confidence`. docs/confidence.md has the figures behind the two numbers. */
export const DEFAULT_CONFIDENCE: ConfidenceRule = { probability_min: 0.5, margin_min: 0.4 }

// Probabilities have six digits, and 0.6 - 0.4 is a little less than 0.2.
const ROUNDING = 1e-7

/**
 * Whether an answer may be shown as a fact: the best class has at least `probability_min`, and is at least
 * `margin_min` ahead of the second.
 *
 * @param contenders the answer, and the most probable of all other classes; of a model with one class, that one
 * @param rule null: never, for a model whose answers mean nothing
 */
export const isConfident = (
  contenders: readonly ClassProbability[],
  rule: ConfidenceRule | null,
): boolean => {
  const [[, best] = [-1, 0], [, second] = [-1, 0]] = contenders
  return rule !== null && best >= rule.probability_min && best - second >= rule.margin_min - ROUNDING
}
