import type { ApiDocument, NamedOperation, Parameter } from '@menagerie/gateway/openapi/document'
import * as fc from 'fast-check'
import { makeBody, type RequestBody } from './body-arbitrary.ts'
import { makeValue, spoilValue, toText } from './schema-arbitrary.ts'

/** A value of a path: one that an earlier answer named, counted from the newest, or a text of its own. */
export type PathValue = { known: number } | { text: string }

/** A request as it is generated: the same for the same seed, whatever ids the server makes. */
export interface ApiRequest {
  path: Record<string, PathValue>
  query: Array<[name: string, value: string]>
  headers: Record<string, string>
  hasKey: boolean
  body: RequestBody | null
}

const KNOWN_MAX = 20

const makeValid = (document: ApiDocument, { schema, example }: Parameter): fc.Arbitrary<unknown> =>
  makeValue(document, example === undefined ? schema : { ...schema, examples: [example] })

const makePathValue = (document: ApiDocument, parameter: Parameter): fc.Arbitrary<PathValue> => {
  const text = fc
    .oneof(
      { weight: 3, arbitrary: makeValid(document, parameter) },
      { weight: 1, arbitrary: spoilValue(document, parameter.schema) },
    )
    .map(toText)
    // Another route, or none: an empty segment, and the two that clients resolve.
    .filter((value) => !['', '.', '..'].includes(value))
  return fc.oneof(
    { weight: 4, arbitrary: fc.nat({ max: KNOWN_MAX }).map((known) => ({ known })) },
    { weight: 1, arbitrary: text.map((value) => ({ text: value })) },
  )
}

/** A client that writes headers cannot write more than these characters. */
const toHeader = (text: string): string => text.replaceAll(/[^\t\u0020-\u007E\u0080-\u00FF]/g, '').trim()

const makeText = (document: ApiDocument, parameter: Parameter): fc.Arbitrary<string> => {
  const spoilt = spoilValue(document, parameter.schema)
  return fc
    .oneof({ weight: 14, arbitrary: makeValid(document, parameter) }, { weight: 1, arbitrary: spoilt })
    .map(toText)
}

/** Those parameters that are required, and about a third of the others. */
const makeTexts = (document: ApiDocument, parameters: Parameter[]): fc.Arbitrary<Record<string, string>> => {
  const model = parameters.map((parameter) => {
    const text = makeText(document, parameter).map((value): [string, string][] => [[parameter.name, value]])
    const isRequired = fc.constant(parameter.required === true)
    return fc
      .tuple(isRequired, fc.nat({ max: 2 }), text)
      .map(([required, dice, pairs]) => (required || dice === 0 ? pairs : []))
  })
  return fc.tuple(...model).map((pairs) => Object.fromEntries(pairs.flat()))
}

/** Requests of one operation: most of them as documented, some a little wrong. */
export const makeRequest = (
  document: ApiDocument,
  { operation }: NamedOperation,
): fc.Arbitrary<ApiRequest> => {
  const ofPlace = (place: Parameter['in']): Parameter[] =>
    (operation.parameters ?? []).filter((parameter) => parameter.in === place)
  const path = Object.fromEntries(
    ofPlace('path').map((parameter) => [parameter.name, makePathValue(document, parameter)]),
  )
  const extra = fc.oneof(
    { weight: 19, arbitrary: fc.constant<Array<[string, string]>>([]) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.string(), fc.string()).map((pair): Array<[string, string]> => [pair]),
    },
  )
  return fc.record({
    path: fc.record(path),
    query: fc
      .tuple(makeTexts(document, ofPlace('query')), extra)
      .map(([texts, more]) => Object.entries(texts).concat(more)),
    headers: makeTexts(document, ofPlace('header')).map((texts) =>
      Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, toHeader(text)])),
    ),
    hasKey: fc.nat({ max: 7 }).map((n) => n > 0),
    body: makeBody(document, operation.requestBody?.content),
  })
}
