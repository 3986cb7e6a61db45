import type { ClassRange } from '@menagerie/contract/model-manifest'

/** `[class index, probability]` */
export type ClassProbability = [index: number, probability: number]

/** Softmax; the largest logit is taken off first, so that no exponential overflows. */
const softmax = (logits: Float32Array): Float64Array => {
  let max = Number.NEGATIVE_INFINITY
  for (const logit of logits) if (logit > max) max = logit
  const exponentials = Float64Array.from(logits, (logit) => Math.exp(logit - max))
  let sum = 0
  for (const value of exponentials) sum += value
  return exponentials.map((value) => value / sum)
}

const PROBABILITY_DIGITS = 1e6

/**
 * The `k` most probable classes, most probable first, equal ones by index; probabilities with six digits. `classes`
 * narrows the ranking and nothing else: probabilities stay those among all classes, so that a car is an improbable
 * animal and not a certain one.
 *
 * @throws RangeError when a logit is not a finite number
 */
export const pickTopK = (
  logits: Float32Array,
  k: number,
  classes: ClassRange | null = null,
): ClassProbability[] => {
  if (!logits.every(Number.isFinite)) throw new RangeError('the model returned a logit that is not finite')
  return Array.from(softmax(logits), (probability, index): ClassProbability => [index, probability])
    .slice(classes?.first, classes === null ? undefined : classes.last + 1)
    .toSorted((a, b) => b[1] - a[1] || a[0] - b[0])
    .slice(0, k)
    .map(([index, probability]) => [index, Math.round(probability * PROBABILITY_DIGITS) / PROBABILITY_DIGITS])
}
