import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { PROGRESS_FIELDS } from './record-fields.ts'

/**
 * What a worker publishes when a prediction has ended: `<id> <EndMessage as JSON>`. Whoever waits for it, and knows
 * what was asked, need not read the record: this is what it said at `now_ms`, read in the step that published it.
 */
export const EndMessage = Type.Object({
  /** Redis' time, epoch ms. */
  now_ms: Type.Number(),
  /** Values of `PROGRESS_FIELDS`; false where there is none. */
  values: Type.Array(Type.Union([Type.String(), Type.Literal(false)]), {
    minItems: PROGRESS_FIELDS.length,
    maxItems: PROGRESS_FIELDS.length,
  }),
})
export type EndMessage = Static<typeof EndMessage>

const endMessage = Compile(EndMessage)

/** The id in a message, with which it begins. */
export const readEndedId = (message: string): string => {
  const end = message.indexOf(' ')
  return end === -1 ? message : message.slice(0, end)
}

/** What follows the id; null when there is nothing that we understand. */
export const parseEndMessage = (message: string): EndMessage | null => {
  try {
    const value: unknown = JSON.parse(message.slice(readEndedId(message).length))
    return endMessage.Check(value) ? value : null
  } catch {
    return null
  }
}
