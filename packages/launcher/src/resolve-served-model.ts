import { ModelNotFoundError } from '@menagerie/model-files/model-not-found-error'
import { createProgressLog } from '@menagerie/model-files/progress-log'
import { resolveModel, type ResolvedModel } from '@menagerie/model-files/resolve-model'
import { ensureStandIn } from '@menagerie/model-tools/stand-in'
import { frame } from './frame.ts'

export interface ServedModelOptions {
  name: string
  modelDir: string | undefined
  cacheDir: string
  log: (line: string) => void
  signal?: AbortSignal | undefined
}

const warnOfStandIn = (name: string): string =>
  frame([
    `WARNING: THE WEIGHTS OF ${name} COULD NOT BE HAD.`,
    '',
    'An UNTRAINED stand-in with random weights is served in their place.',
    'Everything works, but ALL ANSWERS ARE MEANINGLESS.',
  ])

/**
 * The weights to serve. Where they cannot be had, says so loudly and gives the untrained stand-in, so that a
 * first look works without internet.
 *
 * @throws Error for an unknown model, naming the known ones
 */
export const resolveServedModel = async (options: ServedModelOptions): Promise<ResolvedModel> => {
  const { name, modelDir, cacheDir, log, signal } = options
  const modelLog = { info: log, warn: log }
  const request = { name, modelDir, cacheDir, signal, log: modelLog }
  try {
    const onProgress = createProgressLog(name, log)
    return await resolveModel({ ...request, allowStandIn: false, onProgress })
  } catch (err) {
    if (!(err instanceof ModelNotFoundError)) throw err
    log(`${warnOfStandIn(name)}\nWhy: ${err.message}`)
  }
  log(`Preparing the stand-in of ${name}`)
  await ensureStandIn({ cacheDir, name, modelDir, log: modelLog })
  signal?.throwIfAborted()
  return await resolveModel({ ...request, allowStandIn: true, download: false })
}
