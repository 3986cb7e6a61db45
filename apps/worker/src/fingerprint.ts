import type { ModelInput } from '@menagerie/contract/model-manifest'
import { PREPROCESSING_VERSION } from '@menagerie/inference/preprocessing-version'
import { createHash } from 'node:crypto'
import type { AnswerRules } from './select-answers.ts'

/** The order in which a manifest happens to be written does not count. */
const sortFields = (record: object | null): unknown =>
  record && Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1))

/**
 * What an answer depends on besides the picture, as a SHA-256 in hex: two workers with the same fingerprint give the
 * same bytes the same answer. Labels are not in it, since an answer holds indexes.
 */
export const createFingerprint = (
  model: { digest: string; input: ModelInput } & AnswerRules,
  preprocessingVersion = PREPROCESSING_VERSION,
): string => {
  const { digest, input, confidence, classes } = model
  const parts = [preprocessingVersion, digest, ...[input, confidence, classes].map(sortFields)]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
