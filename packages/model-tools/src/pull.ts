import { resolveWithProgress } from './resolve-with-progress.ts'
import type { Settings } from './settings.ts'

/** Makes sure that the weights are here, downloading them if need be, and prints where they are. */
export async function pull(name: string, settings: Settings, signal: AbortSignal): Promise<void> {
  const options = { signal, download: true, allowStandIn: false }
  const { path, digest } = await resolveWithProgress(name, settings, options)
  console.log(`${path}\n${digest}`)
}
