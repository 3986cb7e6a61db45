import type { Random } from '@menagerie/harness/random'
import {
  CLOSE,
  HOST,
  makeHead,
  METHODS,
  PICTURE,
  TARGETS,
  UPLOAD_TARGETS,
  type HeaderLine,
} from '../base-requests.ts'
import { CLIENT_SECRET, pickHostile } from '../hostile-text.ts'
import { latin1, sendAll, type BuildParts } from '../http-case.ts'

const NAMES = [
  'Host',
  'User-Agent',
  'Authorization',
  'Idempotency-Key',
  'Prefer',
  'Cancel-After',
  'Cache-Control',
  'If-None-Match',
  'Last-Event-ID',
  'Accept',
  'Accept-Encoding',
  'Content-Type',
  'Content-Encoding',
  'Content-Disposition',
  'Cookie',
  'Origin',
  'Referer',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'X-Request-Id',
  'Traceparent',
  'Range',
  'TE',
  'Trailer',
  'Via',
  'X-HTTP-Method-Override',
] as const

const pickLine = (random: Random): HeaderLine => [random.pick(NAMES), pickHostile(random)]

/** Hostile texts as values of headers that the gateway, or a library of its, looks at. */
export const injectIntoHeaders: BuildParts = (random) => {
  const lines = Array.from({ length: random.integer(1, 3) }, () => pickLine(random))
  const isUpload = random.isOneIn(2)
  const target = random.pick(isUpload ? UPLOAD_TARGETS : TARGETS)
  const method = isUpload ? 'POST' : random.pick(METHODS)
  const body = isUpload ? PICTURE : Buffer.alloc(0)
  const length: HeaderLine[] = isUpload
    ? [
        ['Content-Type', 'image/jpeg'],
        ['Content-Length', String(body.length)],
      ]
    : []
  const secret: HeaderLine[] = random.isOneIn(3)
    ? [
        ['Authorization', `Bearer ${CLIENT_SECRET}`],
        ['Cookie', `session=${CLIENT_SECRET}`],
      ]
    : []
  return {
    description: `${method} ${target} with ${lines.map(([name]) => name).join(', ')}`,
    steps: sendAll(
      makeHead(`${method} ${target} HTTP/1.1`, [HOST, ...length, ...secret, ...lines, CLOSE]),
      body,
    ),
    ending: 'wait',
  }
}

const ODD_LINES = [
  'X-Folded: a\r\n b\r\n\tc',
  ' Leading: space',
  'Space-Before : colon',
  'Tab\t: colon',
  'No-Colon',
  ': no name',
  'Bare-LF: a\nNext: b',
  'Bare-CR: a\rNext: b',
  'N\u0000l: a',
  'Nul-Value: a\u0000b',
  'Ünicode: a',
  '(comment): a',
  'Host: second.example',
  'Host:',
  'Expect: 100-continue',
  'Expect: 200-ok',
  'Connection: close, keep-alive, upgrade, te',
  'Connection: Content-Length',
  'Keep-Alive: timeout=999999999',
  'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__',
  'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13',
  'Content-Type: multipart/form-data',
  'Content-Type: multipart/form-data; boundary=',
  `Content-Type: multipart/form-data; boundary=${'b'.repeat(300)}`,
  'Content-Type: multipart/form-data; boundary="a"; boundary=b',
  `Content-Type: ${';a=b'.repeat(500)}`,
  'Content-Type: application/json; charset=utf-16',
  'Content-Type: image/',
  'Content-Encoding: gzip',
  'Accept-Encoding: gzip;q=NaN',
]

/** Heads of the wrong form, or with lines that change what the connection is. */
export const damageHead: BuildParts = (random) => {
  const lines = Array.from({ length: random.integer(1, 2) }, () => random.pick(ODD_LINES))
  const end = random.isOneIn(6) ? random.pick(['\n', '\r', '\r\n\n', '']) : '\r\n'
  const hasHost = !random.isOneIn(6)
  const target = random.pick(TARGETS)
  const method = random.pick(METHODS)
  const head = [`${method} ${target} HTTP/1.1`, ...(hasHost ? ['Host: a'] : []), ...lines].join('\r\n')
  return {
    description: `${method} ${target} with the lines ${JSON.stringify(lines).slice(0, 80)}`,
    steps: sendAll(latin1(`${head}\r\n${end}`)),
    ending: 'half-close',
  }
}

/** Heads that are too much. */
export const overloadHead: BuildParts = (random) => {
  const count = random.pick([1, 1, 50, 500, 2000, 5000])
  const length = count === 1 ? random.pick([4000, 16_000, 20_000, 100_000, 500_000]) : random.integer(1, 20)
  const name = random.pick(['X-A', 'Cookie', 'Idempotency-Key', 'Prefer'])
  const isNumbered = random.isOneIn(2)
  const lines = Array.from({ length: count }, (_, i): HeaderLine => [
    isNumbered ? `${name}-${i}` : name,
    'x'.repeat(length),
  ])
  return {
    description: `${count} headers of ${length} characters`,
    steps: sendAll(makeHead(`GET ${random.pick(TARGETS)} HTTP/1.1`, [HOST, ...lines, CLOSE])),
    ending: 'half-close',
  }
}
