import { ModelNotFoundError } from '@menagerie/model-files/model-not-found-error'
import { resolveModel, type ResolvedModel } from '@menagerie/model-files/resolve-model'
import { resolveWithProgress } from '@menagerie/model-tools/resolve-with-progress'
import { ensureStandIn } from '@menagerie/model-tools/stand-in'

interface FindOptions {
  name: string
  modelDir: string | undefined
  cacheDir: string
  download: boolean
  log: (line: string) => void
}

/** The model as a worker finds it; where its weights are not to be had, the untrained stand-in, which costs the same. */
export const findModel = async ({ log, ...options }: FindOptions): Promise<ResolvedModel> => {
  const { name, modelDir, cacheDir, download } = options
  try {
    return await resolveWithProgress(name, { modelDir, cacheDir }, { download, allowStandIn: false })
  } catch (error) {
    if (!(error instanceof ModelNotFoundError)) throw error
    log(
      `no weights for ${options.name}: measuring the untrained stand-in, whose arithmetic is that of DenseNet-121`,
    )
    await ensureStandIn({ ...options, log: { info: log } })
    return resolveModel({ ...options, allowStandIn: true, download: false })
  }
}
