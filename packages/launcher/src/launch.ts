import { once } from 'node:events'
import { mkdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { defaultCacheDir } from '@menagerie/model-files/cache-dir'
import { coerceError } from '@menagerie/shared/coerce-error'
import { Releasers } from '@menagerie/shared/releasers'
import { classifyPictures, type PictureSummary } from './classify-pictures.ts'
import { ensureRedis } from './ensure-redis.ts'
import { assertPortFree } from './free-port.ts'
import { listPictures, listSamples } from './list-pictures.ts'
import { resolveServedModel } from './resolve-served-model.ts'
import { acquireRunLock, type RunLock } from './run-lock.ts'
import { startGateway, startWorker, type Service, type ServiceDeps } from './services.ts'
import type { Env, Settings } from './settings.ts'
import { waitUntilReady } from './wait-until-ready.ts'
import { ensureWebhookSecret } from './webhook-secret.ts'

export interface LaunchOptions {
  settings: Settings
  env: Env
  repoRoot: string
  /** Stop after the pictures. */
  once: boolean
  log: (line: string) => void
  /** Stops everything in order. */
  signal: AbortSignal
  /** Kills the services while they are being stopped. */
  force: AbortSignal
}

/**
 * Runs the service on this machine until it is told to stop: Redis, the gateway, the workers, and every picture
 * of the data folder. All that was started is stopped before this settles.
 *
 * @throws the signal's reason when it came before the pictures were through
 */
export const launch = async (options: LaunchOptions): Promise<PictureSummary> => {
  const url = `http://127.0.0.1:${options.settings.port}`
  const releasers = new Releasers()
  const lock = await claim(options, url)
  releasers.push('the run lock', lock.release)
  try {
    await startAll(options, releasers, lock)
    options.log(`ready ${url}`)
    const summary = await showPictures(options, url)
    if (!options.once) await serve(options, url)
    return summary
  } finally {
    options.log('Stopping')
    await releasers.close()
  }
}

/** Makes sure that nobody else has the data folder or the port, before anything is started. */
const claim = async ({ settings, repoRoot, log }: LaunchOptions, url: string): Promise<RunLock> => {
  const lock = await acquireRunLock({ dataDir: join(repoRoot, '.data'), url, log })
  try {
    await assertPortFree(settings.port)
    return lock
  } catch (cause) {
    await lock.release()
    throw new Error(`${coerceError(cause).message} Choose another one, e.g. PORT=5001 ./run.sh`, { cause })
  }
}

const startAll = async (options: LaunchOptions, releasers: Releasers, lock: RunLock): Promise<void> => {
  const { settings, env, repoRoot, log, signal } = options
  const dataDir = join(repoRoot, '.data')
  const logsDir = join(dataDir, 'logs')
  await rm(logsDir, { recursive: true, force: true })
  await mkdir(logsDir, { recursive: true })

  const cacheDir =
    settings.modelCacheDir ?? defaultCacheDir({ XDG_CACHE_HOME: env['XDG_CACHE_HOME'], HOME: env['HOME'] })
  const model = await resolveServedModel({
    name: settings.model,
    modelDir: settings.modelDir,
    cacheDir,
    log,
    signal,
  })
  log(`Model ${model.name} from ${model.path}`)

  const redis = await ensureRedis({
    redisUrl: settings.redisUrl,
    dataDir,
    log,
    signal,
    onStart: (pid) => lock.recordChild('redis', pid),
  })
  releasers.push('redis', redis.stop)
  signal.throwIfAborted()

  const deps = { repoRoot, logsDir, env, settings, redisUrl: redis.url, log, onStart: lock.recordChild }
  const services = await startServices(options, releasers, deps, { cacheDir, allowStandIn: !model.trained })
  log(`Starting the gateway and ${settings.workers} worker(s); logs: ${logsDir}`)
  await waitUntilReady(services, { log, signal })
}

const startServices = async (
  { env, settings, repoRoot, log, force }: LaunchOptions,
  releasers: Releasers,
  deps: ServiceDeps,
  model: { cacheDir: string; allowStandIn: boolean },
): Promise<Service[]> => {
  const services: Service[] = []
  force.addEventListener('abort', () => services.forEach((service) => service.kill('SIGKILL')))
  // The gateway stops first: whoever waits for an answer there still gets it from the workers.
  releasers.push('workers', () => Promise.all(services.slice(1).map((worker) => worker.stop(WORKER_STOP_MS))))
  releasers.push('gateway', () => services[0]?.stop(GATEWAY_STOP_MS))

  const secretPath = join(repoRoot, '.data', 'webhook-secret')
  const webhookSecret = env['WEBHOOK_SECRET'] || (await ensureWebhookSecret(secretPath))
  if (webhookSecret !== env['WEBHOOK_SECRET']) log(`Webhooks are signed with the secret in ${secretPath}`)

  services.push(await startGateway(deps, { webhookSecret }))
  for (let number = 1; number <= settings.workers; number += 1) {
    services.push(await startWorker(deps, { number, ...model }))
  }
  return services
}

const GATEWAY_STOP_MS = 15_000
const WORKER_STOP_MS = 30_000

const showPictures = async (options: LaunchOptions, url: string): Promise<PictureSummary> => {
  const { settings, env, log, signal } = options
  const pictures = await listPictures(settings.dataDir)
  const samples = pictures.length > 0 ? [] : listSamples()
  if (samples.length > 0) log(`No pictures in ${settings.dataDir}: showing samples`)
  for (const { path, source } of samples) log(`  ${basename(path)} from the ${source}`)
  log('')
  const paths = samples.length > 0 ? samples.map(({ path }) => path) : pictures
  return await classifyPictures({ url, paths, apiKey: env['API_KEY'] || undefined, print: log, signal })
}

const serve = async ({ log, signal }: LaunchOptions, url: string): Promise<void> => {
  log(`\nServing on ${url} until Ctrl-C. Try: curl -F file=@picture.jpg ${url}/`)
  if (!signal.aborted) await once(signal, 'abort')
}
