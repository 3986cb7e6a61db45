import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export interface FileServer {
  /** Every request so far: `GET /path` and its range, if any. */
  readonly requests: { path: string; range: string | undefined }[]
  url(path: string): string
  /** What a path answers; a list answers one request each, the last one for ever. */
  on(path: string, ...answers: Answer[]): void
  close(): Promise<void>
}

/** A web server on loopback whose paths answer what a test tells them to; any other path is a 404. */
export async function startFileServer(): Promise<FileServer> {
  const requests: FileServer['requests'] = []
  const routes = new Map<string, Answer[]>()
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    requests.push({ path, range: request.headers.range })
    const answers = routes.get(path) ?? [status(404)]
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    answer?.(request, response)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return {
    requests,
    url: (path) => `http://127.0.0.1:${address.port}${path}`,
    on: (path, ...answers) => void routes.set(path, answers),
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (_, response) => response.writeHead(code, headers).end()
}

export function whole(content: Buffer): Answer {
  return (_, response) => response.writeHead(200, { 'content-length': content.length }).end(content)
}

export function ranged(content: Buffer): Answer {
  return (request, response) => {
    const start = startOf(request)
    response.writeHead(start === 0 ? 200 : 206, rangeHeaders(content, start)).end(content.subarray(start))
  }
}

/** Sends `sentBytes` of what was asked for and then nothing more, until `release` decides what happens. */
export function held(content: Buffer, sentBytes: number, release: Promise<'cut' | 'finish'>): Answer {
  return (request, response) => {
    const start = startOf(request)
    response.writeHead(start === 0 ? 200 : 206, rangeHeaders(content, start))
    response.write(content.subarray(start, start + sentBytes))
    void release.then((how) => {
      if (how === 'cut') response.destroy()
      else response.end(content.subarray(start + sentBytes))
      return null
    })
  }
}

export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

/** Random content and its pin. */
export function makeContent(bytes: number): { content: Buffer; bytes: number; sha256: string } {
  const content = randomBytes(bytes)
  return { content, bytes, sha256: createHash('sha256').update(content).digest('hex') }
}

function startOf(request: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
}

function rangeHeaders(content: Buffer, start: number): Record<string, string | number> {
  return {
    'content-length': content.length - start,
    ...(start > 0 && { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
  }
}
