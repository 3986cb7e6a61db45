import type { Label, ModelManifest } from '@menagerie/contract/model-manifest'
import { loadLabels } from './labels.ts'
import { loadManifest } from './manifest.ts'
import { type Attempt, ModelNotFoundError } from './model-not-found-error.ts'
import { type Found, fromCache, fromDownload, fromModelDir, fromStandIn } from './model-sources.ts'
import type { ResolveModelOptions } from './resolve-options.ts'

export interface ResolvedModel extends Found {
  readonly name: string
  readonly manifest: ModelManifest
  readonly labels: readonly Label[]
}

/**
 * Finds the weights of a model: MODEL_DIR, the cache, a download into the cache, and last the untrained stand-in.
 * Throws a ModelNotFoundError that names each of them, an Error for a bad manifest, or the signal's reason.
 */
export async function resolveModel(options: ResolveModelOptions): Promise<ResolvedModel> {
  const { name, modelDir } = options
  const loaded = await loadManifest(name, { modelDir })
  const labels = await loadLabels(loaded)
  const { manifest } = loaded

  const attempts: Attempt[] = []
  for (const find of [fromModelDir, fromCache, fromDownload, fromStandIn]) {
    const found = await find(manifest, options)
    if ('path' in found) return { name, ...found, manifest, labels }
    attempts.push(...found.attempts)
  }
  throw new ModelNotFoundError(name, attempts)
}
