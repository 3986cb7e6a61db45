import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Where downloaded weights are kept: `$XDG_CACHE_HOME/menagerie/models`, else `~/.cache/menagerie/models`. A user
 * without a home directory (some containers) gets a place under the system's temporary directory.
 */
export function defaultCacheDir(env: {
  readonly XDG_CACHE_HOME?: string | undefined
  readonly HOME?: string | undefined
}): string {
  const base = env.XDG_CACHE_HOME || (env.HOME ? join(env.HOME, '.cache') : tmpdir())
  return join(base, 'menagerie', 'models')
}

/** The weights of a model under MODEL_DIR or under the cache: both are laid out alike. */
export function weightsPath(dir: string, name: string): string {
  return join(dir, name, 'model.onnx')
}

/** The untrained stand-in has a name of its own, so that it can never be mistaken for cached weights. */
export function standInPath(cacheDir: string, name: string): string {
  return join(cacheDir, name, 'stand-in.onnx')
}
