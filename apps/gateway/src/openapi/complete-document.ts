import { composeExample, NoExampleError } from './compose-example.ts'
import { completeResponses } from './complete-responses.ts'
import type { ApiDocument, Media, Operation } from './document.ts'

/** `getV1PredictionsByIdEvents`: a name for generated clients that follows from the route. */
const nameOperation = (method: string, path: string): string => {
  const words = path.replaceAll(/\{(\w+)\}/g, 'by-$1').split(/[^A-Za-z0-9]+/)
  const capitalized = words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
  return `${method}${capitalized.join('') || 'Root'}`
}

const isJson = (type: string): boolean => type === 'application/json' || type === 'application/x-ndjson'

/** With an example, where the schema says enough to make one; a test finds the others. */
const addExample = (document: ApiDocument, media: Media): Media => {
  if (media.example !== undefined || media.examples !== undefined) return media
  try {
    return { ...media, example: composeExample(document, media.schema) }
  } catch (error) {
    if (error instanceof NoExampleError) return media
    throw error
  }
}

const addExamples = (
  document: ApiDocument,
  content: Record<string, Media>,
  isWanted: (type: string) => boolean,
): Record<string, Media> =>
  Object.fromEntries(
    Object.entries(content).map(([type, media]) => [
      type,
      isWanted(type) ? addExample(document, media) : media,
    ]),
  )

const completeOperation = (
  document: ApiDocument,
  method: string,
  path: string,
  given: Operation,
): Operation => {
  const { responses, ...operation } = completeResponses(method.toUpperCase(), given)
  return {
    operationId: nameOperation(method, path),
    ...operation,
    ...(operation.requestBody === undefined
      ? {}
      : {
          requestBody: {
            ...operation.requestBody,
            content: addExamples(
              document,
              operation.requestBody.content,
              (type) => isJson(type) || type === 'multipart/form-data',
            ),
          },
        }),
    responses: Object.fromEntries(
      Object.entries(responses).map(([status, response]) => [
        status,
        response.content === undefined
          ? response
          : { ...response, content: addExamples(document, response.content, isJson) },
      ]),
    ),
  }
}

const DATA_KEYWORDS = new Set(['default', 'enum', 'const', 'example', 'examples', 'value'])

/** Tuples as JSON Schema 2020-12 has them; the validator of the routes speaks draft 7. */
const modernizeTuples = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(modernizeTuples)
  if (typeof node !== 'object' || node === null) return node
  const entries = Object.entries(node).map(([key, value]): [string, unknown] => [
    key,
    DATA_KEYWORDS.has(key) ? value : modernizeTuples(value),
  ])
  const { items, additionalItems, ...rest } = Object.fromEntries(entries)
  if (!Array.isArray(items)) return Object.fromEntries(entries)
  return { ...rest, prefixItems: items, items: additionalItems ?? false }
}

/** Adds what follows from the routes, so that none of them has to say it: names, common refusals, examples. */
export const completeDocument = (given: ApiDocument): ApiDocument => {
  const document = modernizeTuples(given) as ApiDocument
  return {
    ...document,
    paths: Object.fromEntries(
      Object.entries(document.paths).map(([path, methods]) => [
        path,
        Object.fromEntries(
          Object.entries(methods).map(([method, operation]) => [
            method,
            completeOperation(document, method, path, operation),
          ]),
        ),
      ]),
    ),
  }
}
