import { AwsV4Signer } from 'aws4fetch'
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { coerceError } from '../coerce-error.ts'

export interface S3Options {
  /** Without a slash at its end. */
  endpoint: string
  bucket: string
  region: string
  accessKeyId: string
  secretAccessKey: string
}

export interface S3Request {
  method: 'GET' | 'PUT' | 'DELETE'
  /** Of an object; without it the request is about the bucket. */
  key?: string
  query?: Record<string, string>
  body?: Buffer
}

export interface S3Answer {
  status: number
  /** What the server calls an error; '' where it says nothing. */
  code: string
  body: Buffer
}

const TIMEOUT_MS = 10_000
// What a picture may take on top of that: 1 MB a second.
const BYTES_PER_MS_MIN = 1000
const TRIES_MAX = 3
const RETRY_DELAY_MS = 150
// Servers that are busy, being restarted or behind a proxy that cannot reach them.
const RETRIED: ReadonlySet<number> = new Set([429, 500, 502, 503, 504])

const readCode = (body: Buffer): string => /<Code>([^<]*)<\/Code>/.exec(body.toString())?.[1] ?? ''

/**
 * Sends requests to a bucket, and again while the server is too busy or cannot be reached. Rejects when `timeoutMs`, and
 * what the body may take, is over; an answer that is an error resolves.
 */
export const createS3Client = (options: S3Options, timeoutMs = TIMEOUT_MS) => {
  const { endpoint, bucket, region, accessKeyId, secretAccessKey } = options
  const cache = new Map<string, ArrayBuffer>()

  const sign = ({ method, key, query, body }: S3Request) => {
    const url = new URL(`${endpoint}/${bucket}${key === undefined ? '' : `/${key}`}`)
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value)
    // With its hash signed the server refuses a body that has changed on the way, also without TLS.
    const sha256 = createHash('sha256')
      .update(body ?? '')
      .digest('hex')
    const headers = { 'x-amz-content-sha256': sha256 }
    return new AwsV4Signer({
      method,
      url: url.href,
      headers,
      accessKeyId,
      secretAccessKey,
      service: 's3',
      region,
      cache,
    }).sign()
  }

  const sendOnce = async (request: S3Request, signal: AbortSignal): Promise<S3Answer> => {
    const { method, url, headers } = await sign(request)
    const { body = null } = request
    const answer = await fetch(url, { method, headers, body, signal, redirect: 'manual' })
    const bytes = Buffer.from(await answer.arrayBuffer())
    return { status: answer.status, code: answer.ok ? '' : readCode(bytes), body: bytes }
  }

  const isWorthRetrying = (outcome: S3Answer | Error): boolean =>
    outcome instanceof Error || RETRIED.has(outcome.status)

  return async (request: S3Request): Promise<S3Answer> => {
    const bodyMs = Math.ceil((request.body?.length ?? 0) / BYTES_PER_MS_MIN)
    const signal = AbortSignal.timeout(timeoutMs + bodyMs)
    for (let tries = 1; ; tries++) {
      const outcome = await sendOnce(request, signal).catch(coerceError)
      if (isWorthRetrying(outcome) && tries < TRIES_MAX && !signal.aborted) {
        await sleep(RETRY_DELAY_MS * 2 ** tries * Math.random(), undefined, { signal })
        continue
      }
      if (outcome instanceof Error) throw outcome
      return outcome
    }
  }
}
export type S3Client = ReturnType<typeof createS3Client>
