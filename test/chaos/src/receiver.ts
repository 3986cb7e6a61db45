import { createWebhookReader, type ReceivedWebhook } from '@menagerie/harness/webhook-receiver'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

// Far fewer than the attempts that a gateway makes, so that every webhook is taken in the end.
const MOODS_MAX = 3

type Mood = 'take' | 'refuse' | 'unavailable' | 'drop' | 'take-and-drop'
const MOODS: readonly Mood[] = [
  'take',
  'take',
  'take',
  'refuse',
  'unavailable',
  'drop',
  'take-and-drop',
  'take',
]

/** How the receiver behaves at an attempt. */
const moodOf = (id: string, attempt: number): Mood => {
  if (attempt > MOODS_MAX) return 'take'
  const [byte = 0] = createHash('sha256').update(`${id}:${attempt}`).digest()
  return MOODS[byte % MOODS.length] ?? 'take'
}

/** A receiver of webhooks that checks signatures, and is at times broken, unavailable, or gone in the middle. */
export const startReceiver = async (onReceived: (hook: ReceivedWebhook) => void) => {
  const readWebhook = createWebhookReader()
  const attempts = new Map<string, number>()

  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const id = String(request.headers['webhook-id'])
    const attempt = (attempts.get(id) ?? 0) + 1
    attempts.set(id, attempt)
    const mood = moodOf(id, attempt)
    if (mood === 'drop') {
      request.socket.destroy()
      return
    }
    const body = await text(request)
    if (mood === 'take' || mood === 'take-and-drop') {
      onReceived(readWebhook(request, body))
    }
    if (mood === 'take-and-drop') request.socket.destroy()
    else response.writeHead({ take: 204, refuse: 500, unavailable: 503 }[mood]).end()
  }

  // A gateway that is killed in the middle is no business of the receiver's.
  const server = createServer(
    (request, response) => void receive(request, response).catch(() => request.destroy()),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/hook`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
