import type { Random } from '@menagerie/harness/random'
import { makePost, PICTURE, UPLOAD_TARGETS } from '../base-requests.ts'
import { pickHostile } from '../hostile-text.ts'
import { latin1, sendAll, type BuildParts } from '../http-case.ts'

const DATA_URL = `data:image/jpeg;base64,${PICTURE.toString('base64')}`

const JSON_TARGETS = [
  ...UPLOAD_TARGETS,
  '/v1/predictions/none/cancel',
  '/v1/batches/none/cancel',
  '/v1/dead-letter/replay',
] as const

type MakeText = (random: Random) => string

const HOSTILE_JSON: MakeText[] = [
  (random) => '['.repeat(random.pick([100, 10_000, 150_000])),
  (random) => '{"a":'.repeat(random.pick([100, 10_000, 30_000])),
  (random) => `${'['.repeat(5000)}${']'.repeat(random.pick([5000, 4999]))}`,
  () => `{"input":{"image":"${DATA_URL}"},"input":{"image":7}}`,
  () => `{"__proto__":{"polluted":true},"input":{"image":"data:,"}}`,
  () => '{"constructor":{"prototype":{"polluted":true}}}',
  () => `{"input":{"__proto__":{"polluted":true},"image":"data:image/jpeg;base64,"}}`,
  () => `{"input":{"image":"data:image/jpeg;base64,${'A'.repeat(190_000)}"}}`,
  () => '{"input":{"image":"data:image/jpeg;base64,%00%ff"}}',
  () => '{"input":{"image":"file:///etc/passwd"}}',
  () => '{"input":{"image":"http://169.254.169.254/latest/meta-data/"}}',
  () => '{"input":{"image":"gopher://127.0.0.1:6379/_FLUSHALL"}}',
  () => `{"inputs":[{"name":"image","shape":[1],"datatype":"BYTES","data":["!!!"]}]}`,
  () => `{"inputs":[{"name":"image","shape":[99999999999],"datatype":"BYTES","data":[]}]}`,
  () => `{"inputs":${'[{"name":"a"},'.repeat(2000)}{}]}`,
  () => `{"top_k":${'9'.repeat(5000)}}`,
  () => '{"top_k":-0.0e-999999}',
  () => '{"top_k":1e999,"model":null}',
  () => '"\\ud800"',
  () => '{"a":"\\u0000\\u001b[31m\\r\\n"}',
  () => '\u00EF\u00BB\u00BF{}',
  () => '\u00FF\u00FE{\u0000}\u0000',
  () => '{"a":"\u00C3\u0028\u00FF"}',
  () => "{'a':1}",
  () => '{"a":1,}',
  () => '{"a":1}{"b":2}',
  () => 'null',
  () => '7',
  () => '',
  (random) =>
    JSON.stringify({
      model: pickHostile(random),
      metadata: pickHostile(random),
      webhook: pickHostile(random),
    }),
  (random) => JSON.stringify({ input: { image: pickHostile(random) } }),
  (random) =>
    JSON.stringify(
      Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, random.integer(0, 9)])),
    ),
]

/** JSON that is none, or too deep, too long, or would reach where it should not. */
export const damageJson: BuildParts = (random) => {
  const text = random.pick(HOSTILE_JSON)(random)
  const type = random.pick(['application/json', 'application/json', 'application/problem+json', 'text/json'])
  return {
    description: `JSON ${JSON.stringify(text.slice(0, 40))}, ${text.length} characters`,
    steps: sendAll(makePost(random.pick(JSON_TARGETS), ['Content-Type', type], latin1(text))),
    ending: 'wait',
  }
}

const TYPES = [
  'image/jpeg',
  'image/png',
  'image/svg+xml',
  'image/*',
  'application/octet-stream',
  'application/zip',
  'application/x-www-form-urlencoded',
  'text/plain',
  'text/html',
  '',
] as const

const BODIES: Array<(random: Random) => Buffer> = [
  (random) => random.bytes(random.integer(0, 500)),
  () => Buffer.alloc(0),
  () => Buffer.alloc(199_000, 0),
  () => Buffer.alloc(201_000, 0xff),
  () => latin1('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
  () => latin1('GIF89a'),
  () => latin1('%PDF-1.7'),
  () => latin1('PK\u0003\u0004\u0014\0\0\0\u0008\0'),
  () => latin1('a=1&__proto__[polluted]=1&constructor[prototype][polluted]=1'),
  (random) => latin1(pickHostile(random)),
]

/** Bodies that are no pictures, under any type. */
export const sendNoPicture: BuildParts = (random) => {
  const type = random.pick(TYPES)
  const body = random.pick(BODIES)(random)
  return {
    description: `${body.length} bytes as ${type === '' ? 'nothing' : type}`,
    steps: sendAll(makePost(random.pick(JSON_TARGETS), ['Content-Type', type], body)),
    ending: 'wait',
  }
}
