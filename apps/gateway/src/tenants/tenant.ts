import { ANONYMOUS_ID } from '@menagerie/contract/job'

/** Whoever asks: what is theirs nobody else can see, and what one of them takes is not taken from the others. */
export interface Tenant {
  id: string
  /** How much of the service is theirs while others want it too, in proportion to the weights of those. */
  weight: number
  /** Predictions a minute; null: as many as they like. */
  ratePerMinute: number | null
  /** Predictions that have not ended; null: as many as they like. */
  concurrencyMax: number | null
  /** Of the pictures of those; null: as many as they like. */
  bytesMax: number | null
  /** What their webhooks are signed with, the current one first; none: the secret of the server. */
  webhookSecrets: string[]
}

/** Everybody, where no keys are set up. */
export const ANONYMOUS: Tenant = {
  id: ANONYMOUS_ID,
  weight: 1,
  ratePerMinute: null,
  concurrencyMax: null,
  bytesMax: null,
  webhookSecrets: [],
}
