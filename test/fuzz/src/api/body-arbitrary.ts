import type { ApiDocument, Media, Schema } from '@menagerie/gateway/openapi/document'
import { resolveSchema } from '@menagerie/gateway/openapi/document'
import * as fc from 'fast-check'
import { makeValue, spoilValue, toText } from './schema-arbitrary.ts'

export interface RequestBody {
  contentType: string | null
  bytes: Buffer
}

const BOUNDARY = 'a-boundary-of-the-api-run'

const MAGIC: Record<string, Buffer> = {
  'image/jpeg': Buffer.from([0xff, 0xd8, 0xff, 0xe0]),
  'image/png': Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
  'image/gif': Buffer.from('GIF89a'),
  'image/webp': Buffer.from('RIFF\0\0\0\0WEBPVP8 ', 'latin1'),
  'image/avif': Buffer.from('\0\0\0\u001Cftypavif\0\0\0\0mif1avif', 'latin1'),
}

/** The beginning of a picture, which is all that a gateway looks at; now and then of none. */
const makePicture = (type: string): fc.Arbitrary<Buffer> => {
  const magic = MAGIC[type] ?? Buffer.from([0xff, 0xd8, 0xff, 0xe0])
  const rest = fc.uint8Array({ minLength: 30, maxLength: 60 })
  return fc.oneof(
    { weight: 9, arbitrary: rest.map((bytes) => Buffer.concat([magic, bytes])) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  )
}

interface Part {
  name: string
  filename?: string
  bytes: Buffer
}

const encodeForm = (parts: Part[]): Buffer =>
  Buffer.concat([
    ...parts.flatMap(({ name, filename, bytes }) => {
      const escaped = name.replaceAll(/["\r\n]/g, encodeURIComponent)
      const suffix = filename === undefined ? '' : `; filename="${filename}"`
      const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${escaped}"${suffix}\r\n\r\n`
      return [Buffer.from(head), bytes, Buffer.from('\r\n')]
    }),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ])

const isBinary = (schema: Schema): boolean => schema.format === 'binary' || schema.items?.format === 'binary'

const makeForm = (document: ApiDocument, given: Schema): fc.Arbitrary<Buffer> => {
  const schema = resolveSchema(document, given)
  const properties = Object.entries(schema.properties ?? {})
  const files = properties.filter(([, property]) => isBinary(property)).map(([name]) => name)
  const fields: Schema = {
    ...schema,
    required: [],
    properties: Object.fromEntries(properties.filter(([, p]) => !isBinary(p))),
  }
  const values = fc.oneof(
    { weight: 9, arbitrary: makeValue(document, fields) },
    { weight: 1, arbitrary: spoilValue(document, fields) },
  )
  const pictures = fc.oneof(
    { weight: 8, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.constantFrom(0, 2) },
  )
  return fc.tuple(values, pictures, makePicture('image/jpeg')).map(([value, count, bytes]) => {
    const asParts = Object.entries((value ?? {}) as Record<string, unknown>).map(([name, field]): Part => {
      return { name, bytes: Buffer.from(toText(field)) }
    })
    const asFiles = files.flatMap((name) =>
      Array.from({ length: count }, (): Part => ({ name, filename: 'a.jpg', bytes })),
    )
    return encodeForm([...asParts, ...asFiles])
  })
}

/** The schema with the example that the document shows beside it. */
const withExample = ({ schema, example }: Media): Schema =>
  example === undefined ? schema : { ...schema, examples: [example] }

const makeOfType = (document: ApiDocument, type: string, media: Media): fc.Arbitrary<RequestBody> => {
  const { schema } = media
  if (type === 'multipart/form-data') {
    const contentType = `multipart/form-data; boundary=${BOUNDARY}`
    return makeForm(document, schema).map((bytes) => ({ contentType, bytes }))
  }
  if (/json/.test(type)) {
    const value = fc.oneof(
      { weight: 4, arbitrary: makeValue(document, withExample(media)) },
      { weight: 1, arbitrary: spoilValue(document, schema) },
    )
    return value.map((json) => ({ contentType: type, bytes: Buffer.from(JSON.stringify(json) ?? '') }))
  }
  return makePicture(type).map((bytes) => ({ contentType: type, bytes }))
}

const strangeBody: fc.Arbitrary<RequestBody> = fc.record({
  contentType: fc.constantFrom(
    null,
    'application/json',
    'text/plain',
    'multipart/form-data',
    'image/jpeg',
    'image/x',
    'x',
  ),
  bytes: fc
    .oneof(
      fc.string().map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 50 }),
      fc.json().map((text) => Buffer.from(text)),
    )
    .map((bytes) => Buffer.from(bytes)),
})

/** Bodies of the documented types, and now and then none, or one of another type. */
export const makeBody = (
  document: ApiDocument,
  content: Record<string, Media> | undefined,
): fc.Arbitrary<RequestBody | null> => {
  const types = Object.entries(content ?? {}).map(([type, media]) => makeOfType(document, type, media))
  const proper = types.length === 0 ? fc.constant(null) : fc.oneof(...types)
  return fc.oneof(
    { weight: 17, arbitrary: proper },
    { weight: 1, arbitrary: fc.constant(null) },
    { weight: 2, arbitrary: strangeBody },
  )
}
