import { createRandom } from '@menagerie/harness/random'

/** One request for a prediction, as a client means it; it may take several attempts. */
export interface Submission {
  number: number
  /** Its Idempotency-Key; null: sent once, and counted only if the answer is a 202. */
  key: string | null
  /** Index of the picture. */
  picture: number
  topK: number
  isWebhookWanted: boolean
  /** Whether the picture is to be classified even if its answer is known. */
  isFresh: boolean
  /** `Prefer: wait`; null: not asked for. */
  waitSeconds: number | null
  /** Whether the client sends it again with its key once it is accepted, as if the answer had been lost. */
  isRepeated: boolean
  /** Whether the client follows the prediction while the chaos goes on. */
  isWatched: boolean
  /** A form, or else the picture as the body. */
  isForm: boolean
}

const TOP_K_MOST = 3
const WAIT_SECONDS = 2

/** Submission `number` of a seed. It depends on nothing else. */
export const planSubmission = (seed: number, number: number, pictureCount: number): Submission => {
  const random = createRandom(seed, number)
  const isKeyed = !random.isOneIn(20)
  return {
    number,
    key: isKeyed ? `chaos-${seed}-${number}` : null,
    picture: random.integer(0, pictureCount - 1),
    topK: random.integer(1, TOP_K_MOST),
    isWebhookWanted: random.isOneIn(3),
    isFresh: !random.isOneIn(4),
    waitSeconds: random.isOneIn(8) ? WAIT_SECONDS : null,
    isRepeated: isKeyed && random.isOneIn(6),
    isWatched: random.isOneIn(5),
    isForm: random.isOneIn(2),
  }
}
