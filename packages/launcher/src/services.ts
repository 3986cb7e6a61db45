import { join } from 'node:path'
import { startChildProcess } from './child-process.ts'
import { readCpuBudget } from '@menagerie/inference/cpu-budget'
import { findFreePort } from './free-port.ts'
import { nodeArgs, nodeEnv } from './node-args.ts'
import type { Env, Settings } from './settings.ts'
import { supervise, type Supervised } from './supervise.ts'

// Of libuv, by default. They decode pictures, read files and look up names.
const DECODE_THREADS_MIN = 4

export interface ServiceDeps {
  repoRoot: string
  logsDir: string
  /** Passed on to every service. */
  env: Env
  settings: Settings
  redisUrl: string
  log: (line: string) => void
  onStart: (name: string, pid: number) => void
}

export interface Service extends Supervised {
  /** Its `/readyz`. A worker that is started again has another port. */
  readyUrl(): string
}

interface ServicePlan {
  name: string
  app: 'gateway' | 'worker'
  findPort: () => Promise<number>
  createEnv: (port: number) => Env
}

const startService = async (deps: ServiceDeps, plan: ServicePlan): Promise<Service> => {
  const logPath = join(deps.logsDir, `${plan.name}.log`)
  const script = join(deps.repoRoot, 'apps', plan.app, 'dist', 'main.js')
  let port = 0
  const supervised = await supervise({
    name: plan.name,
    logPath,
    log: deps.log,
    onStart: (pid) => deps.onStart(plan.name, pid),
    start: async () => {
      port = await plan.findPort()
      return await startChildProcess({
        command: process.execPath,
        args: [...nodeArgs(plan.app), script],
        env: {
          ...nodeEnv(plan.app),
          ...deps.env,
          REDIS_URL: deps.redisUrl,
          MODEL: deps.settings.model,
          ...plan.createEnv(port),
        },
        logPath,
        detached: true,
      })
    },
  })
  return { ...supervised, readyUrl: () => `http://127.0.0.1:${port}/readyz` }
}

/** Starts `apps/gateway` on PORT, for this machine only. */
export const startGateway = (deps: ServiceDeps, options: { webhookSecret: string }): Promise<Service> =>
  startService(deps, {
    name: 'gateway',
    app: 'gateway',
    findPort: () => Promise.resolve(deps.settings.port),
    createEnv: (port) => ({ HOST: '127.0.0.1', PORT: String(port), WEBHOOK_SECRET: options.webhookSecret }),
  })

/** Starts one `apps/worker`; the workers share the cores. */
export const startWorker = (
  deps: ServiceDeps,
  options: { number: number; cacheDir: string; allowStandIn: boolean },
): Promise<Service> => {
  const threads = Math.max(1, Math.floor(readCpuBudget() / deps.settings.workers))
  return startService(deps, {
    name: `worker-${options.number}`,
    app: 'worker',
    findPort: findFreePort,
    createEnv: (port) => ({
      MODEL_DIR: deps.settings.modelDir,
      MODEL_CACHE_DIR: options.cacheDir,
      // Resolved already, for all workers at once.
      MODEL_DOWNLOAD: '0',
      ALLOW_STAND_IN: options.allowStandIn ? '1' : '0',
      INFERENCE_THREADS: deps.env['INFERENCE_THREADS'] || String(threads),
      // Node reads it before any of the worker's own code runs.
      UV_THREADPOOL_SIZE: deps.env['UV_THREADPOOL_SIZE'] || String(Math.max(DECODE_THREADS_MIN, threads)),
      PROBE_PORT: String(port),
    }),
  })
}
