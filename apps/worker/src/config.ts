import { INFERENCE_MODES } from '@menagerie/inference/plan-threads'
import { DurationText, parseDurationMs } from '@menagerie/shared/duration'
import { loadEnv } from '@menagerie/shared/env'
import { readRedisSettings } from '@menagerie/shared/redis-settings'
import { SHARED_SETTINGS } from '@menagerie/shared/settings'
import { readUploadSettings } from '@menagerie/shared/upload-store/upload-settings'
import { readTracingSettings, tracingSettings } from '@menagerie/tracing/settings'
import { defaultCacheDir } from '@menagerie/model-files/cache-dir'
import Type from 'typebox'

const LOCK_MIN_MS = 1000

export const WorkerSettings = Type.Object({
  ...SHARED_SETTINGS,
  MODEL: Type.String({
    default: 'densenet-121',
    pattern: '^[a-z0-9][a-z0-9.-]*$',
    description: 'The model this worker serves; one per process',
  }),
  MODEL_DIR: Type.Optional(
    Type.String({ description: 'Folder of your own weights: <MODEL_DIR>/<name>/model.onnx' }),
  ),
  MODEL_CACHE_DIR: Type.Optional(
    Type.String({ description: 'Where downloaded weights are kept; by default the user’s cache folder' }),
  ),
  MODEL_DOWNLOAD: Type.Enum(['0', '1'], {
    default: '1',
    description: '0 never downloads weights: they must be in MODEL_DIR or the cache',
  }),
  ALLOW_STAND_IN: Type.Enum(['0', '1'], {
    default: '0',
    description: '1 allows the untrained stand-in, whose answers mean nothing: for tests and a first look',
  }),
  ANIMALS_ONLY: Type.Enum(['0', '1'], {
    default: '0',
    description: '1 answers among animals alone; all workers of a model must agree (docs/confidence.md)',
  }),
  INFERENCE_MODE: Type.Enum([...INFERENCE_MODES], {
    default: 'throughput',
    description:
      'throughput runs one picture per core at the same time; latency runs one at a time on all cores, which answers a single picture sooner and fewer in all',
  }),
  INFERENCE_THREADS: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1024,
      description:
        'How many cores the model uses: as sessions of one thread each in throughput mode, as the threads of the one session in latency mode; by default all that the process may use',
    }),
  ),
  JOB_CONCURRENCY: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 4096,
      description:
        'How many predictions this worker holds at the same time, those it decodes or stores included; by default one and a half times those it runs, and at least 2',
    }),
  ),
  PROBE_HOST: Type.String({
    default: '127.0.0.1',
    description: 'Address of /livez, /readyz and /metrics; 0.0.0.0 in a container',
  }),
  PROBE_PORT: Type.Integer({
    default: 5001,
    minimum: 0,
    maximum: 65_535,
    description: 'Port of /livez, /readyz and /metrics',
  }),
  JOB_LOCK: DurationText({
    default: '15s',
    description:
      'How long a worker that no longer answers keeps its jobs: they run again within 4/3 of this time. At least 1s',
  }),
  DRAIN_TIMEOUT: DurationText({
    default: '20s',
    description: 'On SIGTERM, how long to finish what is running before it is handed back to other workers',
  }),
  ...tracingSettings('menagerie-worker'),
})

/**
 * The worker's settings, read once at the start.
 *
 * @throws EnvError
 */
export const loadConfig = (env: Record<string, string | undefined>) => {
  const settings = loadEnv(WorkerSettings, env)
  return {
    redis: readRedisSettings(settings),
    uploads: readUploadSettings(settings),
    logLevel: settings.LOG_LEVEL,
    tracing: readTracingSettings(settings),
    cacheTtlMs: parseDurationMs(settings.CACHE_TTL),
    model: {
      name: settings.MODEL,
      dir: settings.MODEL_DIR ?? null,
      cacheDir: settings.MODEL_CACHE_DIR ?? defaultCacheDir(env),
      isDownloadAllowed: settings.MODEL_DOWNLOAD === '1',
      isStandInAllowed: settings.ALLOW_STAND_IN === '1',
      isAnimalsOnly: settings.ANIMALS_ONLY === '1',
    },
    inferenceMode: settings.INFERENCE_MODE,
    inferenceThreads: settings.INFERENCE_THREADS ?? null,
    jobConcurrency: settings.JOB_CONCURRENCY ?? null,
    probe: { host: settings.PROBE_HOST, port: settings.PROBE_PORT },
    // Below a second, a busy moment would look like a death.
    jobLockMs: Math.max(LOCK_MIN_MS, parseDurationMs(settings.JOB_LOCK)),
    drainTimeoutMs: parseDurationMs(settings.DRAIN_TIMEOUT),
  } as const
}
export type WorkerConfig = ReturnType<typeof loadConfig>
