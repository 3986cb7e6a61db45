import { AppError } from '@menagerie/contract/errors'

/** Counts what one batch brings along, and throws once that is too much. */
export interface ByteBudget {
  spend(bytes: number): void
  /** Whether it was too much: then the batch is at fault and not the item that was being read. */
  isSpent(): boolean
}

export const createByteBudget = (bytesMax: number): ByteBudget => {
  let spent = 0
  return {
    spend(bytes) {
      spent += bytes
      if (spent > bytesMax) throw createBatchTooLargeError(bytesMax)
    },
    isSpent: () => spent > bytesMax,
  }
}

export const createBatchTooLargeError = (bytesMax: number): AppError =>
  new AppError('payload_too_large', `the pictures of a batch may have at most ${bytesMax} bytes together`)

/** Passes chunks on, and counts them. */
export async function* countBytes(
  chunks: AsyncIterable<Buffer>,
  budget: ByteBudget,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of chunks) {
    budget.spend(chunk.length)
    yield chunk
  }
}
