import { type ResolvedModel, resolveModel } from '@menagerie/model-files/resolve-model'
import { createProgressDisplay, formatBytes } from './progress.ts'
import type { Settings } from './settings.ts'

/** Makes sure that the weights are here, downloading them if need be, and prints where they are. */
export async function pull(name: string, settings: Settings, signal: AbortSignal): Promise<void> {
  const { path, digest } = await resolveWithProgress(name, settings, signal)
  console.log(`${path}\n${digest}`)
}

async function resolveWithProgress(
  name: string,
  { modelDir, cacheDir }: Settings,
  signal: AbortSignal,
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
      allowStandIn: false,
      log,
      signal,
      onProgress: ({ receivedBytes, totalBytes }) =>
        progress.show({ done: receivedBytes, total: totalBytes }),
    })
  } finally {
    progress.stop()
  }
}
