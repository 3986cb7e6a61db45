import { EnvError } from '../env.ts'
import type { S3Options } from './s3-client.ts'

/** Where the pictures are. */
export type UploadStoreConfig =
  | { kind: 'redis' }
  | { kind: 'fs'; dir: string }
  | ({ kind: 's3'; prefix: string } & S3Options)

export interface UploadSettings {
  UPLOAD_STORE: UploadStoreConfig['kind']
  UPLOAD_DIR?: string
  S3_ENDPOINT?: string
  S3_BUCKET?: string
  S3_REGION: string
  S3_PREFIX?: string
  S3_ACCESS_KEY_ID?: string
  S3_SECRET_ACCESS_KEY?: string
}

/**
 * The store of the uploads, with all that its kind needs.
 *
 * @throws EnvError
 */
export const readUploadSettings = (settings: UploadSettings): UploadStoreConfig => {
  const kind = settings.UPLOAD_STORE
  const missing: string[] = []
  const need = (name: Exclude<keyof UploadSettings, 'UPLOAD_STORE'>): string => {
    const value = settings[name] ?? ''
    if (value === '') missing.push(`${name} must be set when UPLOAD_STORE is ${kind}`)
    return value
  }
  const read = (): UploadStoreConfig => {
    if (kind === 'redis') return { kind }
    if (kind === 'fs') return { kind, dir: need('UPLOAD_DIR') }
    return {
      kind,
      endpoint: need('S3_ENDPOINT').replace(/\/+$/, ''),
      bucket: need('S3_BUCKET'),
      region: settings.S3_REGION,
      prefix: settings.S3_PREFIX ?? '',
      accessKeyId: need('S3_ACCESS_KEY_ID'),
      secretAccessKey: need('S3_SECRET_ACCESS_KEY'),
    }
  }
  const config = read()
  if (missing.length > 0) throw new EnvError(missing)
  return config
}
