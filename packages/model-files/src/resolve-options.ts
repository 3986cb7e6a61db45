import type { DownloadTiming } from './download-file.ts'
import type { DownloadProgress } from './fetch-part.ts'

/** A pino logger and `console` are both one. */
export interface ModelLog {
  info(message: string): void
  warn(message: string): void
}

export interface ResolveModelOptions {
  readonly name: string
  /** `<modelDir>/<name>/model.onnx` goes before everything else; a `manifest.json` beside it replaces ours. */
  readonly modelDir?: string | undefined
  /** See `defaultCacheDir`. Made when missing. */
  readonly cacheDir: string
  /** Whether untrained weights may be served. Never a production default. */
  readonly allowStandIn: boolean
  /** Default true. */
  readonly download?: boolean | undefined
  readonly log?: ModelLog | undefined
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
  readonly timing?: (DownloadTiming & { readonly lockStaleMs: number }) | undefined
}
