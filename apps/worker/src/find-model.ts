import { createProgressLog } from '@menagerie/model-files/progress-log'
import { resolveModel, type ResolvedModel } from '@menagerie/model-files/resolve-model'
import type { Logger } from 'pino'
import type { WorkerConfig } from './config.ts'

/** The weights that the settings name, downloaded if need be. Throws what `resolveModel` throws. */
export const findModel = async (
  { name, dir, cacheDir, isDownloadAllowed, isStandInAllowed }: WorkerConfig['model'],
  log: Logger,
  signal?: AbortSignal,
): Promise<ResolvedModel> => {
  const model = await resolveModel({
    name,
    ...(dir === null ? {} : { modelDir: dir }),
    cacheDir,
    download: isDownloadAllowed,
    allowStandIn: isStandInAllowed,
    signal,
    log: { info: (line) => log.info(line), warn: (line) => log.warn(line) },
    onProgress: createProgressLog(name, (line) => log.info(line)),
  })
  log.info(
    { model: model.name, digest: model.digest, source: model.source, trained: model.trained },
    'model found',
  )
  return model
}
