import type { ApiDocument, NamedOperation } from '@menagerie/gateway/openapi/document'
import { createSchemaChecker } from '@menagerie/gateway/testing/check-schema'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findFault, type ApiResponse } from './judge-response.ts'

const DOCUMENT: ApiDocument = {
  openapi: '3.1.0',
  info: { title: 'a test', version: '1' },
  paths: {},
  components: {
    schemas: { Dog: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } },
    securitySchemes: {},
  },
}
const OPERATION: NamedOperation = {
  name: 'GET /dog',
  method: 'GET',
  path: '/dog',
  operation: {
    responses: {
      200: {
        description: 'a dog',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Dog' } } },
      },
      204: { description: 'no dog' },
      500: { description: 'an error', content: { 'application/json': { schema: {} } } },
      503: { description: 'later', content: { 'application/json': { schema: {} } } },
    },
  },
}
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }
const judge = (response: ApiResponse): string | null =>
  findFault(createSchemaChecker(DOCUMENT), OPERATION, response)

test('what is documented is no fault', () => {
  assert.equal(judge({ status: 200, headers: JSON_TYPE, text: '{"name":"Rex"}' }), null)
  assert.equal(judge({ status: 204, headers: {}, text: '' }), null)
  assert.equal(judge({ status: 503, headers: JSON_TYPE, text: '{}' }), null)
})

test('an undocumented status, type or body, and an error of the server, is a fault', () => {
  const faults: Array<[ApiResponse, RegExp]> = [
    [{ status: 201, headers: JSON_TYPE, text: '{"name":"Rex"}' }, /201 is not documented/],
    [{ status: 200, headers: { 'content-type': 'text/plain' }, text: 'Rex' }, /text\/plain of 200/],
    [{ status: 200, headers: JSON_TYPE, text: '{"name":7}' }, /does not match its schema/],
    [{ status: 200, headers: JSON_TYPE, text: '{}' }, /must have required property/],
    [{ status: 204, headers: {}, text: 'a body' }, /none is documented/],
    [{ status: 500, headers: JSON_TYPE, text: '{}' }, /answered 500/],
    [{ status: 502, headers: JSON_TYPE, text: '{}' }, /answered 502/],
  ]
  for (const [response, reason] of faults) assert.match(judge(response) ?? '', reason)
})
