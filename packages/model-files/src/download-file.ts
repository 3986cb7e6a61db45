import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DownloadProgress, fetchPart, UrlFailure } from './fetch-part.ts'
import { digestFile } from './file-digest.ts'

export interface DownloadTiming {
  /** Longest wait for an answer and for each next piece of it. */
  readonly idleTimeoutMs: number
  /** Before the second try of an address; doubled before each further one. */
  readonly retryDelayMs: number
  readonly triesPerUrl: number
}

export const defaultDownloadTiming: DownloadTiming = {
  idleTimeoutMs: 30_000,
  retryDelayMs: 500,
  triesPerUrl: 5,
}

export interface DownloadOptions {
  /** Tried in turn; any one whose content has the digest is right. */
  readonly urls: readonly string[]
  /** Where the file goes once it is whole and checked. Until then it is `<path>.part` beside it. */
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  readonly signal: AbortSignal
  readonly timing?: DownloadTiming | undefined
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
}

/** No address gave the file; `failures` says why, in the order of the addresses. */
export class DownloadError extends Error {
  readonly failures: readonly { readonly url: string; readonly reason: string }[]
  constructor(failures: DownloadError['failures']) {
    super(failures.map(({ url, reason }) => `${url}: ${reason}`).join('\n'))
    this.name = 'DownloadError'
    this.failures = failures
  }
}

/**
 * Fetches a file that is pinned by length and SHA-256, going on from a part that an earlier try left behind. The
 * caller holds the lock: two at once would write one part. Throws a DownloadError, the signal's reason, or the
 * system's error when the disk refuses.
 */
export async function downloadFile(options: DownloadOptions): Promise<void> {
  const partPath = `${options.path}.part`
  const failures: { url: string; reason: string }[] = []
  for (const url of options.urls) {
    try {
      await downloadFrom(url, partPath, options)
      await rename(partPath, options.path)
      await syncDir(dirname(options.path))
      return
    } catch (error) {
      if (!(error instanceof UrlFailure)) throw error
      failures.push({ url, reason: error.message })
    }
  }
  throw new DownloadError(failures)
}

async function downloadFrom(url: string, partPath: string, options: DownloadOptions): Promise<void> {
  const timing = options.timing ?? defaultDownloadTiming
  // A part may hold bytes of another address. If they are wrong, this one is not to blame and begins anew.
  let hasForeignBytes = await exists(partPath)
  for (let triesDone = 1; ; triesDone++) {
    try {
      const start = await fetchPart({ ...options, url, partPath, idleTimeoutMs: timing.idleTimeoutMs })
      if (start === 0) hasForeignBytes = false
      await checkDigest(partPath, options.sha256, hasForeignBytes)
      return
    } catch (error) {
      if (!(error instanceof UrlFailure) || !error.retry || triesDone >= timing.triesPerUrl) throw error
      hasForeignBytes &&= await exists(partPath)
    }
    await sleep(timing.retryDelayMs * 2 ** (triesDone - 1), undefined, { signal: options.signal })
  }
}

async function checkDigest(partPath: string, sha256: string, hasForeignBytes: boolean): Promise<void> {
  const actual = await digestFile(partPath)
  if (actual === sha256) return
  await rm(partPath)
  throw new UrlFailure(`wrong content: sha256 ${actual}, the manifest says ${sha256}`, {
    retry: hasForeignBytes,
  })
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null
}

/** Makes the rename itself durable. */
async function syncDir(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
