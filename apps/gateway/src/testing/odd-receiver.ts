import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { atEnd } from './at-end.ts'

/** A real HTTP server that answers as the test says, which is the whole of it. Returns the URL for webhooks. */
export const startOddReceiver = async (t: TestContext, listener: RequestListener): Promise<string> => {
  const server = createServer((request, response) => {
    // Whoever answers before it has read everything cuts the sender off.
    request.resume().on('end', () => listener(request, response))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, 'odd receiver', () => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
}
