import type { Stats } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { ModelManifest } from '@menagerie/contract/model-manifest'
import { standInPath, weightsPath } from './cache-dir.ts'
import { defaultDownloadTiming, DownloadError, downloadFile } from './download-file.ts'
import { codeOf, messageOf } from './error-text.ts'
import { digestFile } from './file-digest.ts'
import { withFileLock } from './file-lock.ts'
import type { Attempt } from './model-not-found-error.ts'
import type { ResolveModelOptions } from './resolve-options.ts'
import { isStandIn } from './stand-in-marker.ts'

export interface Found {
  readonly path: string
  /** `sha256:<hex>` of the file itself, whatever the manifest says. */
  readonly digest: string
  readonly source: 'model-dir' | 'cache' | 'download' | 'stand-in'
  readonly trained: boolean
}
interface NotFound {
  readonly attempts: readonly Attempt[]
}
type Source = (manifest: ModelManifest, options: ResolveModelOptions) => Promise<Found | NotFound>

const NOT_THERE = 'no such file'
const STAND_IN_REFUSED = 'is the untrained stand-in, which only ALLOW_STAND_IN=1 permits'

/** A file that the operator put there is used even if it is not the manifest's: they may have their own weights. */
export const fromModelDir: Source = async (manifest, { name, modelDir, allowStandIn, log }) => {
  if (!modelDir) return notFound('MODEL_DIR', 'not set')
  const path = weightsPath(resolve(modelDir), name)
  const where = `MODEL_DIR ${path}`
  if (!(await isFile(path))) {
    if (!(await exists(modelDir))) log?.warn(`MODEL_DIR ${resolve(modelDir)} does not exist`)
    return notFound(where, NOT_THERE)
  }
  if (await isStandIn(path)) {
    if (!allowStandIn) {
      log?.warn(`${path} ${STAND_IN_REFUSED}: it is not used`)
      return notFound(where, STAND_IN_REFUSED)
    }
    return { path, digest: await digestOf(path), source: 'model-dir', trained: false }
  }
  const digest = await digestOf(path)
  if (digest !== `sha256:${manifest.file.sha256}`) {
    log?.warn(
      `${path} is NOT the file of the manifest: it has ${digest}, the manifest says ` +
        `sha256:${manifest.file.sha256}. It is used as it is; answers may differ.`,
    )
  }
  return { path, digest, source: 'model-dir', trained: true }
}

export const fromCache: Source = async (manifest, { name, cacheDir, log }) => {
  const path = weightsPath(resolve(cacheDir), name)
  if (!(await isFile(path))) return notFound(`cache ${path}`, NOT_THERE)
  const digest = await digestOf(path)
  if (digest === `sha256:${manifest.file.sha256}`) return { path, digest, source: 'cache', trained: true }
  const reason = `has ${digest}, the manifest says sha256:${manifest.file.sha256}`
  log?.warn(`${path} ${reason}: it is not used`)
  return notFound(`cache ${path}`, reason)
}

export const fromDownload: Source = async (manifest, options) => {
  if (options.download === false) return notFound('download', 'not permitted here')
  const { bytes, sha256, urls } = manifest.file
  if (urls.length === 0) return notFound('download', 'the manifest has no address for this model')

  const signal = options.signal ?? new AbortController().signal
  const path = weightsPath(resolve(options.cacheDir), options.name)
  const { timing, log, onProgress } = options
  const onWait = (): void => log?.info(`another process is downloading ${options.name}: waiting for it`)
  const lock = { staleMs: timing?.lockStaleMs ?? 15_000, signal, onWait }
  try {
    await mkdir(dirname(path), { recursive: true })
    return await withFileLock(path, lock, async (signal): Promise<Found> => {
      const byOther = await fromCache(manifest, { ...options, log: undefined })
      if ('path' in byOther) return byOther
      log?.info(`downloading ${options.name} (${bytes} bytes) to ${path}`)
      await downloadFile({
        urls,
        path,
        bytes,
        sha256,
        signal,
        timing: timing ?? defaultDownloadTiming,
        onProgress,
      })
      return { path, digest: `sha256:${sha256}`, source: 'download', trained: true }
    })
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof DownloadError) {
      return { attempts: error.failures.map(({ url, reason }) => ({ where: `download ${url}`, reason })) }
    }
    return notFound(`download to ${path}`, messageOf(error))
  }
}

export const fromStandIn: Source = async (_manifest, { name, cacheDir, allowStandIn }) => {
  const path = standInPath(resolve(cacheDir), name)
  if (!allowStandIn) return notFound('stand-in', 'not allowed (it is untrained; ALLOW_STAND_IN=1 permits it)')
  if (!(await isFile(path))) {
    return notFound(`stand-in ${path}`, `${NOT_THERE} ("pnpm model stand-in ${name}" makes it)`)
  }
  return { path, digest: await digestOf(path), source: 'stand-in', trained: false }
}

function notFound(where: string, reason: string): NotFound {
  return { attempts: [{ where, reason }] }
}

async function digestOf(path: string): Promise<string> {
  return `sha256:${await digestFile(path)}`
}

/** Throws for anything but a missing file: one that may not be read must not pass for absent. */
async function isFile(path: string): Promise<boolean> {
  return (await statOrNull(path))?.isFile() ?? false
}

async function exists(path: string): Promise<boolean> {
  return (await statOrNull(path)) !== null
}

async function statOrNull(path: string): Promise<Stats | null> {
  try {
    return await stat(path)
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(cause))) return null
    throw new Error(`${path} cannot be read (${codeOf(cause)})`, { cause })
  }
}
