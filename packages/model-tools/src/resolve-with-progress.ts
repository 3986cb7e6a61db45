import { type ResolvedModel, resolveModel } from '@menagerie/model-files/resolve-model'
import { createProgressDisplay, formatBytes } from './progress.ts'
import type { Settings } from './settings.ts'

/** Finds the weights of a model; says on stderr what it does and how far a download is. */
export async function resolveWithProgress(
  name: string,
  { modelDir, cacheDir }: Pick<Settings, 'modelDir' | 'cacheDir'>,
  options: { signal?: AbortSignal; download: boolean; allowStandIn: boolean },
): Promise<ResolvedModel> {
  const progress = createProgressDisplay(process.stderr, formatBytes)
  const log = {
    info: (line: string) => console.error(line),
    warn: (line: string) => console.error(`warning: ${line}`),
  }
  try {
    return await resolveModel({
      name,
      modelDir,
      cacheDir,
      ...options,
      log,
      onProgress: ({ receivedBytes, totalBytes }) =>
        progress.show({ done: receivedBytes, total: totalBytes }),
    })
  } finally {
    progress.stop()
  }
}
