/** What the run has to find is shown to it by a server that does everything wrong. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { sendAll, type HttpCase } from './http-case.ts'
import { runHttpCases, type HttpFinding } from './run-http-cases.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}'
const WRONGS: Record<string, string> = {
  '/error': 'HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n',
  '/inject': 'HTTP/1.1 200 OK\r\nX-Injected-By-Fuzz: 1\r\nContent-Length: 2\r\n\r\n{}',
  '/garbage': 'what?\r\n\r\n',
}

const makeCase = (number: number, path: string): HttpCase => {
  const steps = sendAll(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
  return { number, description: path, steps, bytes: Buffer.alloc(0), ending: 'wait' }
}

test('a crash, an error, a broken answer and a hang are found, and the cases around them run', async (t) => {
  let isDead = false
  let restarts = 0
  const answer = (socket: Socket, text: string): void => {
    const path = /^GET (\S+)/.exec(text)?.[1] ?? ''
    if (path === '/hang') return
    if (path === '/crash') isDead = true
    if (isDead) socket.resetAndDestroy()
    else socket.end(WRONGS[path] ?? OK)
  }
  const server = createServer((socket) => {
    socket.setEncoding('latin1').on('data', (text: string) => answer(socket, text))
    socket.on('error', () => undefined)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0

  const findings: HttpFinding[] = []
  const paths = ['/fine', '/error', '/fine', '/inject', '/crash', '/garbage', '/hang', '/fine']
  const tally = await runHttpCases({
    target: {
      port,
      url: `http://127.0.0.1:${port}`,
      isAlive: () => !isDead,
      restart: async () => {
        isDead = false
        restarts += 1
        return 'SIGSEGV'
      },
    },
    lanes: 1,
    first: 1,
    count: paths.length,
    goodEvery: 1000,
    hangTimeoutMs: 1000,
    buildCase: (number) => makeCase(number, paths[number - 1] ?? ''),
    onFinding: async (finding) => void findings.push(finding),
    onProgress: () => undefined,
  })
  assert.deepEqual(
    findings.map(({ kind, cases }) => `${kind}: ${cases.map(({ description }) => description).join()}`),
    ['unexpected_5xx: /error', 'unexpected: /inject', 'crash: /crash', 'unexpected: /garbage', 'hang: /hang'],
  )
  assert.equal(restarts, 1)
  assert.equal(tally.answered[200], 4)
})
