import { createWebhookReader, type ReceivedWebhook } from '@menagerie/harness/webhook-receiver'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestContext } from 'node:test'

const listen = async (server: Server): Promise<string> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
}

// Of 100 attempts 30 fail; of those, 5 have taken the webhook all the same and come as duplicates.
type Mood = 'take' | 'error' | 'redirect' | 'hang up' | 'take and hang up'
const moodOf = (id: string, attempt: number): Mood => {
  const draw = createHash('sha256').update(`${id}:${attempt}`).digest().readUInt32BE() % 100
  if (draw < 15) return 'error'
  if (draw < 20) return 'redirect'
  if (draw < 25) return 'hang up'
  return draw < 30 ? 'take and hang up' : 'take'
}

// Long enough that a gateway that is killed dies with some on their way.
const ANSWER_MS = 20

/** A receiver that fails 30 % of the time, and verifies what it takes. */
export const startFlakyReceiver = async (t: TestContext) => {
  const taken: ReceivedWebhook[] = []
  const attempts = new Map<string, number>()
  let failures = 0
  const readWebhook = createWebhookReader()
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const id = String(request.headers['webhook-id'])
    const body = await text(request)
    const attempt = (attempts.get(id) ?? 0) + 1
    attempts.set(id, attempt)
    const mood = moodOf(id, attempt)
    if (mood !== 'take') failures += 1
    if (mood === 'take' || mood === 'take and hang up') {
      taken.push(readWebhook(request, body))
    }
    await sleep(ANSWER_MS)
    if (mood === 'hang up' || mood === 'take and hang up') request.socket.destroy()
    else response.writeHead({ take: 204, error: 500, redirect: 302 }[mood], { location: '/' }).end()
  }
  // A gateway that is killed in the middle is no business of the receiver's.
  const server = createServer((request, response) => void receive(request, response).catch(() => undefined))
  const url = await listen(server)
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url,
    taken,
    failures: () => failures,
    attempts: () => [...attempts.values()].reduce((sum, count) => sum + count, 0),
  }
}

/** A host that accepts connections and never says a word. */
export const startDeadHost = async (t: TestContext) => {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createTcpServer((socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.resume()
  })
  const url = await listen(server)
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url, connections: () => connections }
}
