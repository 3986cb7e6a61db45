import type { ErrorCode } from '@menagerie/contract/errors'
import type { WorkerState } from '@menagerie/contract/registry'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

export interface Health {
  state: WorkerState
  /** Why no jobs can be taken from the queue; null when they can. Asked only while the state is `ready`. */
  findObstacle: () => Promise<ErrorCode | null>
}

/**
 * `/livez` and `/readyz` on a port of their own: the worker serves nothing else over HTTP. Ready is who can take
 * predictions now: not while Redis or the store of the pictures is away, though the worker goes on by itself afterwards.
 */
export const startProbeServer = (health: Health, options: { host: string; port: number }): Promise<Server> =>
  new Promise((resolve, reject) => {
    const answer = async (path: string | undefined): Promise<[status: number, body: object]> => {
      const { state } = health
      if (path === '/livez') return [200, { status: state }]
      if (path !== '/readyz') return [404, { error: 'not found' }]
      if (state !== 'ready') return [503, { status: state }]
      const obstacle = await health.findObstacle()
      return obstacle === null ? [200, { status: state }] : [503, { status: obstacle }]
    }
    const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const [status, body] = await answer(request.url)
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(`${JSON.stringify(body)}\n`)
    }
    const server = createServer((request, response) => void respond(request, response))
    server.once('error', reject)
    server.listen(options.port, options.host, () => resolve(server))
  })
