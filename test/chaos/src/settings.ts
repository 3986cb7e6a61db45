import type { Env } from '@menagerie/harness/processes'
import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ChaosOptions, ChaosUploadStore } from './options.ts'
import { CHAOS_MODEL } from './reference.ts'
import type { WorkFolder } from './work-folder.ts'

export const PREFIX = 'menagerie'
export const JOB_LOCK_MS = 1000
// A receiver that is broken three times, and gateways that die in between, must not use them up.
const WEBHOOK_RETRIES = 20
const WEBHOOK_RETRY_DELAY = '200ms'

const brokenEnv = (broken: ChaosOptions['broken']): Env =>
  broken === null
    ? {}
    : { NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, `broken-${broken}.js`)).href}` }

const commonEnv: Env = { MODEL: CHAOS_MODEL, REDIS_PREFIX: PREFIX }

/** Where gateways, workers and the sweep at the end find the pictures. */
export const uploadEnv = (store: ChaosUploadStore, folder: WorkFolder): Env => ({
  UPLOAD_STORE: store,
  UPLOAD_DIR: folder.uploads,
})

export const gatewayEnv = (): Env => ({
  ...commonEnv,
  // Each request is a line otherwise.
  LOG_LEVEL: 'warn',
  WEBHOOK_SECRET,
  WEBHOOK_ALLOW_PRIVATE: '1',
  WEBHOOK_RETRY_DELAYS: Array.from({ length: WEBHOOK_RETRIES }, () => WEBHOOK_RETRY_DELAY).join(','),
  WEBHOOK_TIMEOUT: '2s',
})

/** Every second worker has no time to finish what it runs when it is told to stop. */
export const workerEnv = (number: number, modelDir: string, broken: ChaosOptions['broken']): Env => ({
  ...commonEnv,
  ...brokenEnv(broken),
  MODEL_DIR: modelDir,
  MODEL_DOWNLOAD: '0',
  INFERENCE_THREADS: '1',
  JOB_CONCURRENCY: '4',
  JOB_LOCK: `${JOB_LOCK_MS}ms`,
  DRAIN_TIMEOUT: broken !== null || number % 2 === 0 ? '0s' : '3s',
})
