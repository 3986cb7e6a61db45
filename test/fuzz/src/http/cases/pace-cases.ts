import {
  FILE_PART,
  FORM_END,
  FORM_TYPE,
  HOST,
  makeGoodPost,
  makeHead,
  UPLOAD_TARGETS,
  type HeaderLine,
} from '../base-requests.ts'
import type { BuildParts, Step } from '../http-case.ts'

const PAUSE_MS = 50
// Longer than the gateway gives a request.
const DRIPS = 100

const drip = (bytes: Buffer): Step[] =>
  Array.from({ length: DRIPS }, (_, i) => i)
    .filter((i) => i < bytes.length)
    .flatMap((i): Step[] => [{ send: bytes.subarray(i, i + 1) }, { pauseMs: PAUSE_MS }])

/** Slow clients (“slowloris”): the head or the body comes byte by byte, or stops. */
export const dawdle: BuildParts = (random) => {
  const lengths: HeaderLine[] = [
    random.pick([
      ['Content-Length', '190000'],
      ['Transfer-Encoding', 'chunked'],
    ] as const),
  ]
  const head = makeHead(`POST ${random.pick(UPLOAD_TARGETS)} HTTP/1.1`, [HOST, FORM_TYPE, ...lengths])
  const way = random.pick([
    'head by bytes',
    'body by bytes',
    'head only',
    'nothing',
    'a stop in the head',
  ] as const)
  const steps: Record<typeof way, Step[]> = {
    'head by bytes': drip(head),
    'body by bytes': [
      { send: head },
      ...drip(Buffer.alloc(DRIPS, lengths[0]?.[0] === 'Content-Length' ? 45 : 48)),
    ],
    'head only': [{ send: head }],
    nothing: [],
    'a stop in the head': [{ send: head.subarray(0, random.integer(1, head.length - 2)) }],
  }
  return { description: `slowly: ${way}`, steps: steps[way], ending: 'linger' }
}

/** A good request that is cut off: nothing of it may stay. */
export const cutOff: BuildParts = (random) => {
  const whole = makeGoodPost(random)
  const sent = whole.subarray(0, random.integer(0, whole.length - 4))
  const middle = random.integer(0, sent.length)
  const steps: Step[] = random.isOneIn(3)
    ? [{ send: sent.subarray(0, middle) }, { pauseMs: 5 }, { send: sent.subarray(middle) }]
    : [{ send: sent }]
  const ending = random.pick(['half-close', 'close', 'reset'] as const)
  return { description: `${sent.length} of ${whole.length} bytes, then ${ending}`, steps, ending }
}

/** A good upload in small pieces, which is to be accepted like any other. */
export const sendInPieces: BuildParts = (random) => {
  const body = Buffer.concat([FILE_PART, FORM_END])
  const pieces: Buffer[] = []
  for (let at = 0; at < body.length;) {
    const length = random.integer(1, 120)
    pieces.push(body.subarray(at, at + length))
    at += length
  }
  const head = makeHead(`POST ${random.pick(UPLOAD_TARGETS)} HTTP/1.1`, [
    HOST,
    FORM_TYPE,
    ['Transfer-Encoding', 'chunked'],
    ['Connection', 'close'],
  ])
  const chunks = pieces.map((piece) =>
    Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]),
  )
  return {
    description: `an upload in ${pieces.length} chunks`,
    steps: [head, ...chunks, Buffer.from('0\r\n\r\n')].map((send) => ({ send })),
    ending: 'wait',
  }
}
