import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { ApiDocument, Schema } from '../openapi/document.ts'

/** A check of values by the schemas of an OpenAPI document; what it returns says what is wrong, null: nothing. */
export const createSchemaChecker = (document: ApiDocument) => {
  // OpenAPI has formats and keywords of its own (binary, example), which restrict nothing.
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { binary: true } })
  addFormats.default(ajv)
  ajv.addSchema({ $id: 'openapi', components: document.components })
  const compiled = new Map<Schema, ValidateFunction>()
  const compile = (schema: Schema): ValidateFunction => {
    const known = compiled.get(schema)
    if (known !== undefined) return known
    const text = JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"openapi#/')
    const validate = ajv.compile(JSON.parse(text) as Schema)
    compiled.set(schema, validate)
    return validate
  }
  return (schema: Schema, value: unknown): string | null => {
    const validate = compile(schema)
    return validate(value) ? null : ajv.errorsText(validate.errors)
  }
}
export type SchemaChecker = ReturnType<typeof createSchemaChecker>
