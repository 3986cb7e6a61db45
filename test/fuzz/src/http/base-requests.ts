import type { Random } from '@menagerie/harness/random'
import { latin1 } from './http-case.ts'

/** The beginning of a JPEG, which is all that a gateway looks at. */
export const PICTURE = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(300, 7)])

export const BOUNDARY = 'fuzz-boundary'

export const OPERATOR_KEY = 'an-operator-key-for-fuzzing'

const ID = '0199f5c3-7a1e-8b42-9c3d-5e6f70819a2b'

/** Routes by what is sent to them; those that do not exist (yet) are as good. */
export const UPLOAD_TARGETS = [
  '/',
  '/v1/predictions',
  '/v1/predictions?top_k=3',
  '/v1/batches',
  '/v2/models/fuzz-model/infer',
  '/predictions/fuzz-model',
] as const

export const TARGETS = [
  ...UPLOAD_TARGETS,
  '/livez',
  '/readyz',
  '/openapi.json',
  '/docs',
  '/docs/static/index.html',
  '/v1/models',
  `/v1/predictions/${ID}`,
  `/v1/predictions/${ID}/events`,
  `/v1/predictions/${ID}/cancel`,
  '/v1/dead-letter',
  `/v1/dead-letter/${ID}/replay`,
  `/v1/batches/${ID}/results`,
  '/v2/health/ready',
  '/ping',
  '/nowhere',
] as const

export const METHODS = ['GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE'] as const

export type HeaderLine = readonly [name: string, value: string]

export const HOST: HeaderLine = ['Host', 'localhost']
export const CLOSE: HeaderLine = ['Connection', 'close']

export const makeHead = (line: string, headers: readonly HeaderLine[]): Buffer =>
  latin1(`${line}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)

/** A part of a form; `headers` are whole lines. */
export const makePart = (headers: readonly string[], content: Buffer | string): Buffer =>
  Buffer.concat([
    latin1(`--${BOUNDARY}\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n`),
    typeof content === 'string' ? latin1(content) : content,
    latin1('\r\n'),
  ])

export const FILE_PART = makePart(
  ['Content-Disposition: form-data; name="file"; filename="a.jpg"', 'Content-Type: image/jpeg'],
  PICTURE,
)
export const FORM_END = latin1(`--${BOUNDARY}--\r\n`)
export const FORM_TYPE: HeaderLine = ['Content-Type', `multipart/form-data; boundary=${BOUNDARY}`]

/** A whole request with a body of the right length. */
export const makePost = (
  target: string,
  type: HeaderLine,
  body: Buffer,
  more: readonly HeaderLine[] = [],
): Buffer =>
  Buffer.concat([
    makeHead(`POST ${target} HTTP/1.1`, [
      HOST,
      type,
      ['Content-Length', String(body.length)],
      ...more,
      CLOSE,
    ]),
    body,
  ])

/** A request that is as it should be, and is accepted when it goes to a route that is there. */
export const makeGoodPost = (random: Random, more: readonly HeaderLine[] = []): Buffer => {
  const target = random.pick(UPLOAD_TARGETS)
  return random.isOneIn(2)
    ? makePost(target, FORM_TYPE, Buffer.concat([FILE_PART, FORM_END]), more)
    : makePost(target, ['Content-Type', 'image/jpeg'], PICTURE, more)
}
