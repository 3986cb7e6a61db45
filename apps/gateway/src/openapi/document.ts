/** The parts of an OpenAPI 3.1 document that are worked with here. */
export interface Media {
  schema: Schema
  example?: unknown
  examples?: Record<string, { value: unknown }>
}

export interface Schema {
  [keyword: string]: unknown
  $ref?: string
  type?: string | string[]
  format?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  allOf?: Schema[]
  enum?: unknown[]
  const?: unknown
  default?: unknown
  examples?: unknown[]
}

export interface DocumentedResponse {
  description: string
  headers?: Record<string, { description?: string; schema: Schema }>
  content?: Record<string, Media>
}

export interface Parameter {
  name: string
  in: 'query' | 'header' | 'path' | 'cookie'
  required?: boolean
  description?: string
  schema: Schema
  example?: unknown
}

export interface Operation {
  operationId?: string
  summary?: string
  tags?: string[]
  security?: Array<Record<string, string[]>>
  parameters?: Parameter[]
  requestBody?: { required?: boolean; content: Record<string, Media> }
  responses: Record<string, DocumentedResponse>
  /** Error codes by status: what `problemResponses` was told. Not in the published document. */
  'x-codes'?: Record<string, string[]>
}

export interface ApiDocument {
  openapi: string
  info: { title: string; version: string; description?: string }
  servers?: Array<{ url: string }>
  security?: Array<Record<string, string[]>>
  tags?: Array<{ name: string; description?: string }>
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, unknown> }
}

export interface NamedOperation {
  /** `POST /v1/predictions` */
  name: string
  method: string
  path: string
  operation: Operation
}

export const listOperations = (document: ApiDocument): NamedOperation[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      operation,
    })),
  )

/** The schema that a local reference names, or the schema itself. */
export const resolveSchema = (document: ApiDocument, schema: Schema): Schema => {
  if (schema.$ref === undefined) return schema
  const name = schema.$ref.replace('#/components/schemas/', '')
  const found = document.components.schemas[name]
  if (found === undefined) throw new Error(`the document has no ${schema.$ref}`)
  return found
}
