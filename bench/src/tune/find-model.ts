import { ModelNotFoundError } from '@menagerie/model-files/model-not-found-error'
import { resolveModel, type ResolvedModel } from '@menagerie/model-files/resolve-model'
import { createProgressDisplay, formatBytes } from '@menagerie/model-tools/progress'
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
  const progress = createProgressDisplay(process.stderr, formatBytes)
  try {
    return await resolveModel({
      ...options,
      allowStandIn: false,
      log: { info: log, warn: log },
      onProgress: ({ receivedBytes, totalBytes }) =>
        progress.show({ done: receivedBytes, total: totalBytes }),
    })
  } catch (error) {
    if (!(error instanceof ModelNotFoundError)) throw error
    log(
      `no weights for ${options.name}: measuring the untrained stand-in, whose arithmetic is that of DenseNet-121`,
    )
    await ensureStandIn({ ...options, log: { info: log } })
    return resolveModel({ ...options, allowStandIn: true, download: false })
  } finally {
    progress.stop()
  }
}
