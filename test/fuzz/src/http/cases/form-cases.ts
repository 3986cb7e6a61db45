import type { Random } from '@menagerie/harness/random'
import {
  BOUNDARY,
  FILE_PART,
  FORM_END,
  FORM_TYPE,
  makePart,
  makePost,
  PICTURE,
  UPLOAD_TARGETS,
  type HeaderLine,
} from '../base-requests.ts'
import { pickHostile, pickOneLine } from '../hostile-text.ts'
import { latin1, sendAll, type BuildParts } from '../http-case.ts'

const FIELD_NAMES = ['top_k', 'model', 'metadata', 'webhook', 'priority', 'custom_id', 'file', ''] as const
const POLLUTING_NAMES = [
  '__proto__',
  '__proto__[polluted]',
  '__proto__.polluted',
  'constructor',
  'constructor[prototype][polluted]',
  'constructor.prototype.polluted',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
] as const

const makeField = (name: string, value: string): Buffer =>
  makePart([`Content-Disposition: form-data; name="${name}"`], value)

const makeFile = (filename: string, content: Buffer = PICTURE): Buffer =>
  makePart([`Content-Disposition: form-data; name="file"; filename="${filename}"`], content)

const makeManyParts = (random: Random): Buffer => {
  const count = random.pick([18, 100, 1000, 10_000])
  const isFile = random.isOneIn(3)
  const part = (i: number): Buffer =>
    isFile ? makeFile(`${i}.jpg`, Buffer.from('x')) : makeField(`f${i}`, 'x')
  return Buffer.concat(Array.from({ length: count }, (_, i) => part(i)))
}

type MakeParts = (random: Random) => Array<Buffer | string>

/** Forms that are whole, with contents that are hostile. */
const HOSTILE_FORMS: Record<string, MakeParts> = {
  'a hostile file name': (random) => [makeFile(pickOneLine(random)), FORM_END],
  'a file name with line breaks': (random) => [makeFile(pickHostile(random)), FORM_END],
  'a file name as RFC 5987 has it': (random) => [
    makePart(
      [
        `Content-Disposition: form-data; name="file"; filename*=UTF-8''${encodeURIComponent(pickHostile(random))}`,
      ],
      PICTURE,
    ),
    FORM_END,
  ],
  'a hostile field': (random) => [
    makeField(random.pick(FIELD_NAMES), pickHostile(random)),
    FILE_PART,
    FORM_END,
  ],
  'a field that would pollute': (random) => [
    makeField(random.pick(POLLUTING_NAMES), random.pick(['1', 'true', '{"polluted":true}'])),
    FILE_PART,
    FORM_END,
  ],
  'metadata that would pollute': (random) => [
    makeField(
      'metadata',
      random.pick([
        '{"__proto__":{"polluted":true}}',
        '{"constructor":{"prototype":{"polluted":true}}}',
        `{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`,
        '{"a":1,"a":2}',
        '{"a":1e999}',
      ]),
    ),
    FILE_PART,
    FORM_END,
  ],
  'the same field often': (random) => [
    ...Array.from({ length: random.integer(2, 16) }, (_, i) => makeField('top_k', String(i))),
    FILE_PART,
    FORM_END,
  ],
  'a field as JSON': (random) => [
    makePart(
      ['Content-Disposition: form-data; name="metadata"', 'Content-Type: application/json'],
      random.pick(['{"__proto__":{"polluted":true}}', '{', '['.repeat(5000), 'null', '{"a":"b"}']),
    ),
    FILE_PART,
    FORM_END,
  ],
  'many parts': (random) => [makeManyParts(random), FORM_END],
  'a huge field': (random) => [
    makeField('metadata', 'x'.repeat(random.pick([9000, 70_000, 190_000]))),
    FORM_END,
  ],
  'a huge name': (random) => [
    makeField('n'.repeat(random.pick([200, 5000, 100_000])), 'x'),
    FILE_PART,
    FORM_END,
  ],
  'many headers of a part': (random) => [
    makePart(
      [
        'Content-Disposition: form-data; name="file"; filename="a"',
        ...Array<string>(random.integer(30, 500)).fill('X: y'),
      ],
      PICTURE,
    ),
    FORM_END,
  ],
  'two files': () => [FILE_PART, FILE_PART, FORM_END],
  'an empty file': () => [makeFile('a.jpg', Buffer.alloc(0)), FORM_END],
  'no file': () => [makeField('top_k', '5'), FORM_END],
  'no part': () => [FORM_END],
}

/** Forms that are broken. */
const BROKEN_FORMS: Record<string, MakeParts> = {
  'no end': () => [FILE_PART.subarray(0, -2)],
  'an end in the middle of a part': (random) => [FILE_PART.subarray(0, random.integer(1, FILE_PART.length))],
  'another boundary': () => [latin1(FILE_PART.toString('latin1').replace(BOUNDARY, 'another')), FORM_END],
  'a form in a form': () => [
    makePart([`Content-Type: multipart/mixed; boundary=inner`], `--inner\r\n\r\nx\r\n--inner--\r\n`),
    FORM_END,
  ],
  'a part without headers': () => [makePart([], PICTURE), FORM_END],
  'a part without a name': () => [makePart(['Content-Disposition: form-data'], PICTURE), FORM_END],
  'a broken disposition': (random) => [
    makePart([`Content-Disposition: ${pickOneLine(random)}`], PICTURE),
    FORM_END,
  ],
  'bare line feeds': () => [latin1(FILE_PART.toString('latin1').replaceAll('\r\n', '\n')), FORM_END],
  'boundaries only': (random) => [`--${BOUNDARY}\r\n`.repeat(random.pick([10, 1000, 5000]))],
  'a quoted-printable part': () => [
    makePart(
      ['Content-Disposition: form-data; name="file"; filename="a"', 'Content-Transfer-Encoding: base64'],
      '!!!!',
    ),
    FORM_END,
  ],
  garbage: (random) => [random.bytes(200)],
}

const TYPES: HeaderLine[] = [
  ['Content-Type', 'multipart/form-data'],
  ['Content-Type', `multipart/form-data; boundary="${BOUNDARY}`],
  ['Content-Type', `multipart/mixed; boundary=${BOUNDARY}`],
  ['Content-Type', `multipart/form-data; boundary=${BOUNDARY}; charset=${'x'.repeat(1000)}`],
  ['Content-Type', `MULTIPART/FORM-DATA; BOUNDARY=${BOUNDARY}`],
]

const join = (parts: Array<Buffer | string>): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? latin1(part) : part)))

/** Forms whose framing as HTTP is right. */
export const damageForm: BuildParts = (random) => {
  const forms = random.isOneIn(2) ? HOSTILE_FORMS : BROKEN_FORMS
  const name = random.pick(Object.keys(forms))
  const body = join(forms[name]?.(random) ?? [])
  const type = random.isOneIn(8) ? random.pick(TYPES) : FORM_TYPE
  return {
    description: `a form with ${name}`,
    steps: sendAll(makePost(random.pick(UPLOAD_TARGETS), type, body)),
    ending: 'wait',
  }
}
