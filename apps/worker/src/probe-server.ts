import type { ErrorCode } from '@menagerie/contract/errors'
import type { WorkerState } from '@menagerie/contract/registry'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { WorkerMetrics } from './metrics.ts'

export interface Health {
  state: WorkerState
  /** Why no jobs can be taken from the queue; null when they can. Asked only while the state is `ready`. */
  findObstacle: () => Promise<ErrorCode | null>
  /** Whether this worker waits for the store of the pictures. */
  isStoreAway: () => boolean
}

/** What others are told of a worker: one that waits for the store of the pictures has no part in what can be done. */
export const reportedState = ({ state, isStoreAway }: Pick<Health, 'state' | 'isStoreAway'>): WorkerState =>
  state === 'ready' && isStoreAway() ? 'failed' : state

interface Answer {
  status: number
  type: string
  body: string
}

const json = (status: number, body: object): Answer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(body)}\n`,
})

/**
 * `/livez`, `/readyz` and `/metrics` on a port of their own: the worker serves nothing else over HTTP. Ready is who can take
 * predictions now: not while Redis or the store of the pictures is away, though the worker goes on by itself afterwards.
 */
export const startProbeServer = (
  { health, metrics }: { health: Health; metrics: Pick<WorkerMetrics, 'contentType' | 'render'> },
  options: { host: string; port: number },
): Promise<Server> =>
  new Promise((resolve, reject) => {
    const answer = async (path: string | undefined): Promise<Answer> => {
      const { state } = health
      if (path === '/livez') return json(200, { status: state })
      if (path === '/metrics') return { status: 200, type: metrics.contentType, body: await metrics.render() }
      if (path !== '/readyz') return json(404, { error: 'not found' })
      if (state !== 'ready') return json(503, { status: state })
      const obstacle = await health.findObstacle()
      return obstacle === null ? json(200, { status: state }) : json(503, { status: obstacle })
    }
    const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const { status, type, body } = await answer(request.url).catch(() => json(500, { error: 'no answer' }))
      response.writeHead(status, { 'content-type': type })
      response.end(body)
    }
    const server = createServer((request, response) => void respond(request, response))
    server.once('error', reject)
    server.listen(options.port, options.host, () => resolve(server))
  })
