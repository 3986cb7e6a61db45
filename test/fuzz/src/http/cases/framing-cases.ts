import type { Random } from '@menagerie/harness/random'
import {
  FORM_TYPE,
  HOST,
  makeHead,
  makePost,
  PICTURE,
  UPLOAD_TARGETS,
  type HeaderLine,
} from '../base-requests.ts'
import { latin1, sendAll, type BuildParts } from '../http-case.ts'

const IMAGE_TYPE: HeaderLine = ['Content-Type', 'image/jpeg']

/** Ways to say two things about where a body ends. A server must not choose: it has to refuse. */
const CONTRADICTIONS: Array<(length: number) => HeaderLine[]> = [
  (n) => [
    ['Content-Length', String(n)],
    ['Transfer-Encoding', 'chunked'],
  ],
  (n) => [
    ['Transfer-Encoding', 'chunked'],
    ['Content-Length', String(n)],
  ],
  (n) => [
    ['Content-Length', String(n)],
    ['Content-Length', '0'],
  ],
  (n) => [
    ['Content-Length', '0'],
    ['Content-Length', String(n)],
  ],
  (n) => [['Content-Length', `${n}, 0`]],
  () => [['Transfer-Encoding', 'xchunked']],
  () => [['Transfer-Encoding', 'chunked, identity']],
  () => [['Transfer-Encoding', 'identity, chunked, x']],
  () => [
    ['Transfer-Encoding', 'chunked'],
    ['Transfer-Encoding', 'x'],
  ],
  () => [['Transfer-Encoding', ' chunked\u000B']],
  () => [['Transfer-Encoding', '"chunked"']],
  (n) => [
    ['Transfer-Encoding ', 'chunked'],
    ['Content-Length', String(n)],
  ],
  (n) => [
    ['Transfer-Encoding\u0000', 'chunked'],
    ['Content-Length', String(n)],
  ],
  (n) => [
    ['X-Folded', 'a\r\n Transfer-Encoding: chunked'],
    ['Content-Length ', String(n)],
  ],
  (n) => [['Content-Length', `+${n}`]],
  (n) => [['Content-Length', `-${n}`]],
  (n) => [['Content-Length', `0x${n.toString(16)}`]],
  (n) => [['Content-Length', `${n}.0`]],
  (n) => [['Content-Length', `${n}\u0000`]],
  (n) => [['Content-Length', `${n} ${n}`]],
  () => [['Content-Length', '99999999999999999999999999']],
  () => [['Content-Length', '']],
]

/** Request smuggling: framing that two servers could read in two ways, with a second request hidden in the body. */
export const smuggle: BuildParts = (random, number) => {
  const hiddenPath = `/smuggled-${number}`
  const hidden = `GET ${hiddenPath} HTTP/1.1\r\nHost: a\r\n\r\n`
  const prefix = random.pick(['0\r\n\r\n', '', `${(4).toString(16)}\r\nabcd\r\n0\r\n\r\n`])
  const body = latin1(`${prefix}${hidden}`)
  const lines = random.pick(CONTRADICTIONS)(random.pick([body.length, prefix.length, 4]))
  const type = random.pick([IMAGE_TYPE, FORM_TYPE])
  return {
    description: `smuggling by ${JSON.stringify(lines)}`,
    steps: sendAll(makeHead(`POST ${random.pick(UPLOAD_TARGETS)} HTTP/1.1`, [HOST, type, ...lines]), body),
    ending: 'half-close',
    hiddenPath,
  }
}

const BAD_CHUNKS = [
  'zz\r\nabcd\r\n0\r\n\r\n',
  '-4\r\nabcd\r\n0\r\n\r\n',
  'ffffffffffffffff\r\nabcd\r\n0\r\n\r\n',
  'fffffffffffffffff\r\nabcd\r\n0\r\n\r\n',
  '4\nabcd\n0\n\n',
  '4 \r\nabcd\r\n0\r\n\r\n',
  '0x4\r\nabcd\r\n0\r\n\r\n',
  '4\r\nabcdefgh\r\n0\r\n\r\n',
  '8\r\nabcd\r\n0\r\n\r\n',
  `4;${'e'.repeat(20_000)}\r\nabcd\r\n0\r\n\r\n`,
  `4;a="\r\n"\r\nabcd\r\n0\r\n\r\n`,
  `0\r\n${'X: y\r\n'.repeat(3000)}\r\n`,
  '0\r\nContent-Length: 5\r\nHost: b\r\n\r\n',
  '\r\n0\r\n\r\n',
  '4\r\nabcd\r\n',
  '00000000000000000000000004\r\nabcd\r\n0\r\n\r\n',
  '+4\r\nabcd\r\n0\r\n\r\n',
]

/** Chunked bodies whose chunks are not what they say. */
export const damageChunks: BuildParts = (random) => {
  const chunks = random.pick(BAD_CHUNKS)
  const type = random.pick([IMAGE_TYPE, FORM_TYPE])
  const head = makeHead(`POST ${random.pick(UPLOAD_TARGETS)} HTTP/1.1`, [
    HOST,
    type,
    ['Transfer-Encoding', 'chunked'],
  ])
  return {
    description: `chunks ${JSON.stringify(chunks.slice(0, 40))}`,
    steps: sendAll(head, chunks),
    ending: 'half-close',
  }
}

const lieAbout = (random: Random): number =>
  random.pick([0, 1, 2, PICTURE.length + 1, PICTURE.length + 5000, 199_999, 300_000, 2 ** 31, 2 ** 53])

/** A declared length that is not that of the body; what is too much reads as the next request. */
export const lieAboutLength: BuildParts = (random) => {
  const declared = lieAbout(random)
  const sent = PICTURE.subarray(0, random.pick([0, 2, 30]))
  const garbage = random.isOneIn(3) ? random.bytes(50) : Buffer.alloc(0)
  const head = makeHead(`POST ${random.pick(UPLOAD_TARGETS)} HTTP/1.1`, [
    HOST,
    random.pick([IMAGE_TYPE, FORM_TYPE]),
    ['Content-Length', String(declared)],
  ])
  return {
    description: `${declared} bytes declared, ${sent.length + garbage.length} sent`,
    steps: sendAll(head, sent.length <= declared ? sent : Buffer.alloc(0), garbage),
    ending: random.pick(['half-close', 'close', 'reset']),
  }
}

/** Several requests at once, some of them wrong. Each answer has to be that of its request. */
export const pipeline: BuildParts = (random) => {
  const requests = Array.from({ length: random.integer(2, 12) }, () =>
    random.pick([
      makeHead('GET /livez HTTP/1.1', [HOST]),
      makeHead('GET /nowhere HTTP/1.1', [HOST]),
      makeHead('GET /v1/predictions/none HTTP/1.1', [HOST]),
      makeHead('GET  /livez HTTP/1.1', [HOST]),
      makePost('/v1/predictions', ['Content-Type', 'text/plain'], latin1('no picture')),
      makePost('/', ['Content-Type', 'image/jpeg'], latin1('no picture')),
    ]),
  )
  return {
    description: `${requests.length} requests in a row`,
    steps: sendAll(...requests),
    ending: random.pick(['half-close', 'close']),
  }
}
