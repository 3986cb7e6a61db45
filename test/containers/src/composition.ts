import { findFreePort, isReady, waitUntil } from '@menagerie/harness/processes'
import { randomUUID } from 'node:crypto'
import { docker, removeImages, type DockerEnv } from './docker.ts'
import { WORKERS } from './scenario.ts'
import type { Weights } from './weights.ts'

// The first start waits for health checks, and two cores carry everything.
const READY_TIMEOUT_MS = 180_000

export interface Container {
  id: string
  service: string
  state: string
  /** Empty when there is no health check. */
  health: string
}

/** What `docker compose` makes of docker-compose.yml, under a name, on a port and with volumes of its own. */
export const createComposition = async (weights: Weights) => {
  const project = `menagerie-test-${randomUUID().slice(0, 8)}`
  const port = await findFreePort()
  const env: DockerEnv = {
    IMAGE: 'menagerie-test',
    MODEL: weights.model,
    MODEL_DIR: weights.dir,
    ALLOW_STAND_IN: weights.isTrained ? '0' : '1',
    PORT: `127.0.0.1:${port}`,
    // The same pictures come again and again, and are to be classified each time.
    CACHE_TTL: '0',
    // A worker that is killed keeps its jobs so long.
    JOB_LOCK: '5s',
    WORKER_CPUS: '0.6',
    WORKERS: String(WORKERS),
  }
  const url = `http://127.0.0.1:${port}`
  // A file .env in the checkout is somebody's own.
  const compose = (args: string[], changes: DockerEnv = {}): Promise<string> =>
    docker(['compose', '--env-file', '/dev/null', '--project-name', project, ...args], { ...env, ...changes })

  const list = async (service: string): Promise<Container[]> => {
    const lines = (await compose(['ps', '--format', 'json', service])).split('\n').filter(Boolean)
    return lines.map((line) => {
      const { ID, Service, State, Health } = JSON.parse(line) as Record<string, string>
      return { id: ID ?? '', service: Service ?? '', state: State ?? '', health: Health ?? '' }
    })
  }

  return {
    project,
    url,
    compose,
    list,
    build: (changes?: DockerEnv) => compose(['build'], changes),
    /** Starts what is not running, with as many of each as is said, and changes what is to be other than it is. */
    up: (scale: Record<string, number>, changes?: DockerEnv) => {
      const scales = Object.entries(scale).flatMap(([service, count]) => ['--scale', `${service}=${count}`])
      return compose(['up', '--detach', '--no-build', ...scales], changes)
    },
    async waitUntilHealthy(service: string, count: number): Promise<Container[]> {
      await waitUntil(
        `${count} of ${service} are healthy`,
        async () => (await list(service)).filter(({ health }) => health === 'healthy').length === count,
        READY_TIMEOUT_MS,
      )
      return list(service)
    },
    waitUntilReady: () => waitUntil('the entry is ready', () => isReady(url), READY_TIMEOUT_MS),
    logs: () => compose(['logs', '--no-color', '--tail', '200']),
    /** Removes its containers, networks, volumes and images. What they were built of stays in the engine's cache. */
    down: async () => {
      try {
        await compose(['down', '--volumes', '--timeout', '5', '--remove-orphans'])
      } finally {
        await removeImages('menagerie-test-*')
      }
    },
  }
}
export type Composition = Awaited<ReturnType<typeof createComposition>>
