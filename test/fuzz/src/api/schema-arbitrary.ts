import { resolveSchema, type ApiDocument, type Schema } from '@menagerie/gateway/openapi/document'
import * as fc from 'fast-check'

const NUMBER_SPAN = 1000
const TEXT_LENGTH_MAX = 40
const ARRAY_LENGTH_MAX = 3

/** Texts that programs have stumbled over. */
const HOSTILE_TEXTS = [
  '',
  ' ',
  '\0',
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '%2e%2e%2f',
  '-1',
  '1e309',
  'NaN',
  'null',
  '[object Object]',
  '{"__proto__":{"polluted":1}}',
  'a\r\nx-injected: 1',
  '\u001B[31m',
  'ﷺ'.repeat(50),
  'x'.repeat(5000),
]

const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...HOSTILE_TEXTS),
  fc.string({ unit: 'binary', maxLength: TEXT_LENGTH_MAX }),
)

const makeText = (schema: Schema): fc.Arbitrary<string> => {
  const minLength = Number(schema['minLength'] ?? 0)
  const maxLength = Math.min(Number(schema['maxLength'] ?? TEXT_LENGTH_MAX), minLength + TEXT_LENGTH_MAX)
  const { pattern } = schema
  if (typeof pattern === 'string') {
    return fc
      .stringMatching(new RegExp(pattern))
      .filter((text) => text.length >= minLength && text.length <= Number(schema['maxLength'] ?? Infinity))
  }
  if (schema.format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString())
  return fc.string({ unit: 'grapheme', minLength, maxLength }).filter((text) => text.length <= maxLength)
}

const readBounds = (schema: Schema): { min: number; max: number } => {
  const min = Number(schema['minimum'] ?? Math.min(0, Number(schema['maximum'] ?? 0)))
  return { min, max: Number(schema['maximum'] ?? min + NUMBER_SPAN) }
}

const makeObject = (document: ApiDocument, schema: Schema): fc.Arbitrary<Record<string, unknown>> => {
  const properties = Object.entries(schema.properties ?? {})
  if (properties.length === 0)
    return fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
  const model = Object.fromEntries(
    properties.map(([name, property]) => [name, makeValue(document, property)] as const),
  )
  return fc.record(model, { requiredKeys: schema.required ?? [], noNullPrototype: true })
}

const makeOfType = (document: ApiDocument, schema: Schema): fc.Arbitrary<unknown> => {
  const { min, max } = readBounds(schema)
  const type = [schema.type].flat()[0] ?? (schema.properties === undefined ? 'any' : 'object')
  switch (type) {
    case 'string':
      return makeText(schema)
    case 'integer':
      return fc.integer({ min, max })
    case 'number':
      return fc.double({ min, max, noNaN: true })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array': {
      const minLength = Number(schema['minItems'] ?? 0)
      const items = makeValue(document, schema.items ?? {})
      const maxLength = Math.min(minLength + ARRAY_LENGTH_MAX, Number(schema['maxItems'] ?? Infinity))
      return fc.array(items, { minLength, maxLength })
    }
    case 'object':
      return makeObject(document, schema)
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

/** Values that are valid by a schema; its examples often, since some rules are only in words. */
export const makeValue = (document: ApiDocument, given: Schema): fc.Arbitrary<unknown> => {
  const schema = resolveSchema(document, given)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.const !== undefined) return fc.constant(schema.const)
  const choices = schema.anyOf ?? (schema['oneOf'] as Schema[] | undefined)
  const made =
    choices === undefined
      ? makeOfType(document, schema)
      : fc.oneof(...choices.map((choice) => makeValue(document, choice)))
  if (schema.examples === undefined) return made
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...schema.examples) },
    { weight: 1, arbitrary: made },
  )
}

const setMember = (object: Record<string, unknown>, name: string, value: unknown) => ({
  ...object,
  [name]: value,
})

/** A value that is a little wrong: beyond its bounds, of another type, or with too much or too little in it. */
export const spoilValue = (document: ApiDocument, given: Schema): fc.Arbitrary<unknown> => {
  const schema = resolveSchema(document, given)
  const { min, max } = readBounds(schema)
  const spoilt: Array<fc.Arbitrary<unknown>> = [hostileText, fc.jsonValue({ maxDepth: 2 })]
  if (schema.type === 'integer' || schema.type === 'number')
    spoilt.push(fc.constantFrom(min - 1, max + 1, min + 0.5))
  if (schema['maxLength'] !== undefined) spoilt.push(fc.constant('x'.repeat(Number(schema['maxLength']) + 1)))
  const names = Object.keys(schema.properties ?? {})
  if (names.length > 0) {
    const whole = makeObject(document, schema)
    spoilt.push(
      fc
        .tuple(whole, hostileText, fc.jsonValue())
        .map(([object, name, value]) => setMember(object, name, value)),
      fc.tuple(whole, fc.constantFrom(...names)).map(([object, name]) => setMember(object, name, undefined)),
      fc
        .constantFrom(...names)
        .chain((name) =>
          fc
            .tuple(whole, spoilValue(document, schema.properties?.[name] ?? {}))
            .map(([object, value]) => setMember(object, name, value)),
        ),
    )
  }
  return fc.oneof(...spoilt)
}

/** As a text: of a query, a header, a form field. */
export const toText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
