import { resolveSchema, type ApiDocument, type Schema } from './document.ts'

/** A schema says too little for an example to be made of it; the message names the place. */
export class NoExampleError extends Error {}

// What any reader understands without being shown one.
const OBVIOUS: Record<string, unknown> = { boolean: false, null: null, array: [], object: {} }

/**
 * An example of a schema: the one that it carries, else one put together from those of its parts.
 *
 * @throws NoExampleError
 */
export const composeExample = (document: ApiDocument, given: Schema, place = ''): unknown => {
  const schema = resolveSchema(document, given)
  const [ready] = schema.examples ?? schema.enum ?? []
  if (ready !== undefined) return ready
  if (schema.const !== undefined) return schema.const
  if (schema.default !== undefined) return schema.default
  if (schema.format === 'binary') return '(the bytes of the picture)'
  if (schema.anyOf?.[0] !== undefined) return composeExample(document, schema.anyOf[0], place)
  if (schema.properties !== undefined) {
    const parts = Object.entries(schema.properties)
    return Object.fromEntries(
      parts.map(([name, part]) => [name, composeExample(document, part, `${place}/${name}`)]),
    )
  }
  if (schema.items !== undefined) return [composeExample(document, schema.items, `${place}/0`)]
  const type = [schema.type].flat()[0] ?? ''
  if (type in OBVIOUS) return OBVIOUS[type]
  throw new NoExampleError(`there is no example at ${place === '' ? '/' : place}`)
}
