import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'

export type Env = Record<string, string | undefined>

export interface Settings {
  readonly port: number
  readonly workers: number
  readonly model: string
  readonly modelDir: string | undefined
  /** Pictures to classify. */
  readonly dataDir: string
  readonly redisUrl: string | undefined
  /** undefined: the default of the model resolver. */
  readonly modelCacheDir: string | undefined
}

/** A setting breaks its rule. The message is one line that names the variable and the rule. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}

const readInteger = (
  env: Env,
  name: string,
  rule: { fallback: number; min: number; max: number },
): number => {
  const text = env[name]
  if (text === undefined || text === '') return rule.fallback
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= rule.min && value <= rule.max) return value
  throw new SettingsError(`${name} must be a whole number from ${rule.min} to ${rule.max}, not '${text}'`)
}

const readFolder = (env: Env, name: string): string | undefined => {
  const text = env[name]
  if (text === undefined || text === '') return undefined
  const path = resolve(text)
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return path
  throw new SettingsError(`${name} must be a folder that exists, not '${text}'`)
}

const readModel = (env: Env): string => {
  const name = env['MODEL'] ?? ''
  if (name === '') return 'densenet-121'
  if (/^[a-z0-9][a-z0-9.-]*$/.test(name)) return name
  throw new SettingsError(`MODEL must be a model's name (small letters, digits, '-' and '.'), not '${name}'`)
}

const readRedisUrl = (env: Env): string | undefined => {
  const url = env['REDIS_URL'] ?? ''
  if (url === '') return undefined
  // The value stays out of the message: it may hold a password.
  if (/^(rediss?|unix):\/\/./.test(url)) return url
  throw new SettingsError('REDIS_URL must begin with redis://, rediss:// or unix://')
}

/** Reads the launcher's settings; relative folders count from the folder it was called in. Throws SettingsError. */
export const loadSettings = (env: Env, repoRoot: string): Settings => ({
  port: readInteger(env, 'PORT', { fallback: 5000, min: 1, max: 65_535 }),
  workers: readInteger(env, 'WORKERS', { fallback: 1, min: 1, max: 256 }),
  model: readModel(env),
  modelDir: readFolder(env, 'MODEL_DIR'),
  dataDir: readFolder(env, 'DATA_DIR') ?? join(repoRoot, 'data'),
  redisUrl: readRedisUrl(env),
  // Made when missing.
  modelCacheDir: env['MODEL_CACHE_DIR'] ? resolve(env['MODEL_CACHE_DIR']) : undefined,
})
