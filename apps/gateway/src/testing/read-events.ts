import type { Prediction } from '@menagerie/contract/prediction'

export interface SentEvent {
  id: string
  event: string
  data: Prediction
}

/** What a client has got from a stream of server-sent events so far. */
export interface EventReader {
  response: Response
  events: SentEvent[]
  /** All that arrived, as it is. */
  text: () => string
  /** Resolves when the server has ended the stream in good order; rejects when the connection broke. */
  ended: Promise<void>
  leave: () => void
}

const parseEvent = (block: string): SentEvent | null => {
  const fields = new Map(
    block.split('\n').map((line) => {
      const colon = line.indexOf(': ')
      return [line.slice(0, colon), line.slice(colon + 2)] as const
    }),
  )
  const [id, event, data] = [fields.get('id'), fields.get('event'), fields.get('data')]
  if (id === undefined || event === undefined || data === undefined) return null
  return { id, event, data: JSON.parse(data) as Prediction }
}

/** Asks for a stream of events, and reads along. */
export const readEvents = async (url: string, headers: Record<string, string> = {}): Promise<EventReader> => {
  const controller = new AbortController()
  const response = await fetch(url, { headers, signal: controller.signal })
  const events: SentEvent[] = []
  let text = ''
  const read = async (): Promise<void> => {
    let start = 0
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString()
      for (let end = text.indexOf('\n\n', start); end !== -1; end = text.indexOf('\n\n', start)) {
        const event = parseEvent(text.slice(start, end))
        if (event !== null) events.push(event)
        start = end + 2
      }
    }
  }
  const ended = read()
  // A test that looks at the end will still see it fail.
  ended.catch(() => undefined)
  return { response, events, text: () => text, ended, leave: () => controller.abort() }
}
