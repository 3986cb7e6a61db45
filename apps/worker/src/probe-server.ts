import type { WorkerState } from '@menagerie/contract/registry'
import { createServer, type Server } from 'node:http'

export interface Health {
  state: WorkerState
}

/** `/livez` and `/readyz` on a port of their own: the worker serves nothing else over HTTP. */
export const startProbeServer = (health: Health, options: { host: string; port: number }): Promise<Server> =>
  new Promise((resolve, reject) => {
    const statusOf = (path: string | undefined): number => {
      if (path === '/livez') return 200
      if (path === '/readyz') return health.state === 'ready' ? 200 : 503
      return 404
    }
    const server = createServer((request, response) => {
      const status = statusOf(request.url)
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(`${JSON.stringify(status === 404 ? { error: 'not found' } : { status: health.state })}\n`)
    })
    server.once('error', reject)
    server.listen(options.port, options.host, () => resolve(server))
  })
