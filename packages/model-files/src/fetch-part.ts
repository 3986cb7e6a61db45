import { open, rm, stat } from 'node:fs/promises'
import { codeOf, messageOf } from './error-text.ts'

export interface DownloadProgress {
  readonly receivedBytes: number
  readonly totalBytes: number
}

/** What went wrong with one address; `retry` says whether asking it again can help. */
export class UrlFailure extends Error {
  readonly retry: boolean
  constructor(message: string, options: { retry: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.name = 'UrlFailure'
    this.retry = options.retry
  }
}

export interface FetchPartOptions {
  readonly url: string
  readonly partPath: string
  /** Length of the whole file. */
  readonly bytes: number
  /** Longest wait for the answer, and then for each next piece of it. */
  readonly idleTimeoutMs: number
  readonly signal: AbortSignal
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
}

/** Asking these again at once is waiting for nothing: the next address may be better. */
const UNREACHABLE = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH'])
const STATUS_WORTH_A_RETRY = new Set([408, 425, 429, 500, 502, 503, 504])

/**
 * One request for what the part file still lacks, appended to it. Returns the offset it went on from: 0 when the file
 * was fetched whole, also because the server does not know ranges. Throws a UrlFailure when the part is not complete
 * afterwards (what did arrive is kept), the signal's reason when that stopped it, and the system's error when the
 * part file cannot be written.
 */
export async function fetchPart(options: FetchPartOptions): Promise<number> {
  const { url, partPath, bytes, idleTimeoutMs, signal } = options
  const offset = await resumableBytes(partPath, bytes)
  if (offset === bytes) return offset

  const stalled = new AbortController()
  const idleTimer = setTimeout(() => {
    stalled.abort(new Error(`no data for ${idleTimeoutMs / 1000} s`))
  }, idleTimeoutMs)
  try {
    const response = await request(url, offset, AbortSignal.any([signal, stalled.signal]), signal)
    const start = startOfBody(response, offset, bytes)
    const body = readBody(response, signal, () => idleTimer.refresh())
    await writePart(body, start, options)
    return start
  } finally {
    clearTimeout(idleTimer)
    // Frees the connection when the answer was refused before its body was read.
    stalled.abort()
  }
}

async function resumableBytes(partPath: string, bytes: number): Promise<number> {
  const part = await stat(partPath).catch(() => null)
  if (part === null) return 0
  if (part.size <= bytes) return part.size
  await rm(partPath)
  return 0
}

async function request(
  url: string,
  offset: number,
  either: AbortSignal,
  outer: AbortSignal,
): Promise<Response> {
  // Bytes must be those of the file: a compressed answer could be neither counted nor resumed.
  const headers: Record<string, string> = { 'accept-encoding': 'identity' }
  if (offset > 0) headers['range'] = `bytes=${offset}-`
  try {
    return await fetch(url, { headers, signal: either })
  } catch (error) {
    outer.throwIfAborted()
    // fetch says only "fetch failed"; what happened is in the cause.
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    const code = codeOf(cause)
    const isReset = code === 'ECONNRESET' || code === 'UND_ERR_SOCKET'
    const reason = UNREACHABLE.has(code) ? `cannot be reached (${code})` : messageOf(cause)
    throw new UrlFailure(reason, { retry: isReset, cause })
  }
}

/** Where the body belongs in the file. Throws a UrlFailure when it does not belong there at all. */
function startOfBody(response: Response, offset: number, bytes: number): number {
  const { status } = response
  if (status === 206) {
    const range = response.headers.get('content-range') ?? 'none'
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? []
    if (Number(start) === offset && (total === '*' || Number(total) === bytes)) return offset
    throw new UrlFailure(`answered with another range than asked for (${range})`, { retry: false })
  }
  if (status !== 200) {
    throw new UrlFailure(`HTTP ${status}`, { retry: STATUS_WORTH_A_RETRY.has(status) })
  }
  const length = response.headers.get('content-length')
  if (length !== null && !response.headers.has('content-encoding') && Number(length) !== bytes) {
    throw new UrlFailure(`offers ${length} bytes, the manifest says ${bytes}`, { retry: false })
  }
  return 0
}

async function* readBody(
  response: Response,
  outer: AbortSignal,
  onData: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response.body ?? []) {
      onData()
      yield chunk
    }
  } catch (cause) {
    outer.throwIfAborted()
    throw new UrlFailure(`connection lost (${messageOf(cause)})`, { retry: true, cause })
  }
}

async function writePart(
  body: AsyncIterable<Uint8Array>,
  start: number,
  { partPath, bytes, onProgress }: FetchPartOptions,
): Promise<void> {
  const file = await open(partPath, start === 0 ? 'w' : 'a')
  try {
    let received = start
    for await (const chunk of body) {
      received += chunk.byteLength
      if (received > bytes) {
        throw new UrlFailure(`sends more than the ${bytes} bytes of the manifest`, { retry: false })
      }
      await file.writeFile(chunk)
      onProgress?.({ receivedBytes: received, totalBytes: bytes })
    }
    if (received < bytes) {
      throw new UrlFailure(`connection ended after ${received} of ${bytes} bytes`, { retry: true })
    }
  } finally {
    // Before the rename that makes it the model: a crash must not leave a whole name on half a file.
    await file.sync()
    await file.close()
  }
}
