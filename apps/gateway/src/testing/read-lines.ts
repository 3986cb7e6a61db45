import type { BatchResult } from '@menagerie/contract/batch'
import { parseLines } from './batches.ts'

/** What a client has got from a stream of results so far. */
export interface LineReader {
  response: Response
  lines: () => BatchResult[]
  /** Resolves when the server has ended the stream in good order; rejects when the connection broke. */
  ended: Promise<void>
  leave: () => void
}

/** Asks for a stream of results, and reads along. */
export const readLines = async (url: string): Promise<LineReader> => {
  const controller = new AbortController()
  const response = await fetch(url, { signal: controller.signal })
  let text = ''
  const read = async (): Promise<void> => {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk as Uint8Array).toString()
  }
  const ended = read()
  // A test that looks at the end will still see it fail.
  ended.catch(() => undefined)
  return {
    response,
    lines: () => parseLines(text.slice(0, text.lastIndexOf('\n') + 1)),
    ended,
    leave: () => controller.abort(),
  }
}
