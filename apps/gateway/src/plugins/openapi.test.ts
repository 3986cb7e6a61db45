import { ERRORS, type ErrorCode } from '@menagerie/contract/errors'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'

interface Operation {
  responses: Record<string, { description: string; content?: Record<string, { schema: { $ref?: string } }> }>
  requestBody?: { content: Record<string, { schema: { properties?: Record<string, unknown> } }> }
  parameters?: Array<{ name: string; in: string }>
}
interface Document {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}

const readDocument = async (gateway: TestGateway): Promise<Document> => {
  const answer = await fetch(`${gateway.url}/openapi.json`)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
  return (await answer.json()) as Document
}

const WAITED = [200, 400, 401, 404, 409, 410, 413, 415, 422, 429, 500, 503, 504]

/** Every status that a route can answer. */
const STATUSES: Record<string, number[]> = {
  'POST /': [200, 202, 400, 401, 409, 410, 413, 415, 422, 429, 500, 503, 504],
  'POST /v1/predictions': [200, 202, 400, 401, 404, 409, 413, 415, 422, 429, 500, 503],
  'GET /v1/predictions/{id}': [200, 400, 401, 404, 500, 503],
  'DELETE /v1/predictions/{id}': [204, 400, 401, 404, 500, 503],
  'POST /v1/predictions/{id}/cancel': [200, 400, 401, 404, 409, 500, 503],
  'GET /v1/predictions/{id}/deliveries': [200, 400, 401, 404, 500, 503],
  'POST /v1/predictions/{id}/deliveries/{n}/redeliver': [202, 400, 401, 404, 409, 500, 503],
  'GET /v1/dead-letter/webhooks': [200, 400, 401, 403, 500, 503],
  'POST /v1/dead-letter/webhooks/replay': [200, 400, 401, 403, 500, 503],
  'POST /v1/dead-letter/webhooks/{webhook_id}/replay': [202, 400, 401, 403, 404, 500, 503],
  'GET /v1/dead-letter': [200, 400, 401, 403, 500, 503],
  'DELETE /v1/dead-letter': [200, 400, 401, 403, 500, 503],
  'POST /v1/dead-letter/replay': [200, 400, 401, 403, 500, 503],
  'POST /v1/dead-letter/{id}/replay': [202, 400, 401, 403, 404, 409, 410, 500, 503],
  'DELETE /v1/dead-letter/{id}': [204, 400, 401, 403, 404, 500, 503],
  'GET /v1/predictions/{id}/events': [200, 204, 400, 401, 404, 500, 503],
  'GET /v1/models': [200, 401, 500, 503],
  'GET /v2': [200],
  'GET /v2/health/live': [200],
  'GET /v2/health/ready': [200, 500, 503],
  ...Object.fromEntries(
    ['/v2/models/{model}', '/v2/models/{model}/versions/{version}'].flatMap((path) => [
      [`GET ${path}`, [200, 400, 401, 404, 500, 503]],
      [`GET ${path}/ready`, [200, 400, 401, 404, 500, 503]],
      [`POST ${path}/infer`, WAITED],
    ]),
  ),
  ...Object.fromEntries(
    ['/predictions/{model}', '/predictions/{model}/{version}'].flatMap((path) => [
      [`POST ${path}`, WAITED],
      [`PUT ${path}`, WAITED],
    ]),
  ),
  'GET /ping': [200, 503],
  'GET /livez': [200],
  'GET /readyz': [200, 500, 503],
}

// Calls of other servers, whose errors have the shapes of those.
const OWN_ERRORS = /\/v2|\/predictions\/\{model|\/ping/

const listOperations = (document: Document): Array<[string, Operation]> =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  )

test('documents each route with each status that it can answer', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  assert.equal(document.openapi, '3.1.0')
  assert.equal(document.info.title, 'Menagerie')
  const documented = listOperations(document).map(([name, { responses }]) => [
    name,
    Object.keys(responses)
      .map(Number)
      .toSorted((a, b) => a - b),
  ])
  assert.deepEqual(Object.fromEntries(documented), STATUSES)
})

test('each refusal is a Problem, and names codes with that very status', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  for (const [name, { responses }] of listOperations(document)) {
    for (const [status, { description, content }] of Object.entries(responses)) {
      if (Number(status) < 400 || OWN_ERRORS.test(name)) continue
      assert.equal(content?.['application/problem+json']?.schema.$ref, '#/components/schemas/Problem', name)
      const codes = [...description.matchAll(/`(\w+)`/g)].map(([, code]) => code as ErrorCode)
      assert.ok(codes.length > 0, `${name} ${status}`)
      for (const code of codes) assert.equal(ERRORS[code].status, Number(status), code)
    }
  }
})

test('each error code is documented by a route that answers it', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  const text = JSON.stringify(document.paths)
  const isDocumented = (code: string) => text.includes(`\`${code}\``)
  // Answered where there is no route yet.
  assert.deepEqual(
    Object.keys(ERRORS).filter((code) => !isDocumented(code)),
    ['route_not_found', 'request_timeout', 'headers_too_large'],
  )
})

test('documents bodies, options and headers of uploads', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  const operation = document.paths['/v1/predictions']?.['post']
  const bodies = operation?.requestBody?.content ?? {}
  assert.deepEqual(Object.keys(bodies), [
    'multipart/form-data',
    'image/jpeg',
    'image/png',
    'image/webp',
    'image/gif',
    'image/avif',
    'application/json',
  ])
  const fields = Object.keys(bodies['multipart/form-data']?.schema.properties ?? {})
  assert.deepEqual(fields.toSorted(), [
    'file',
    'metadata',
    'model',
    'priority',
    'top_k',
    'webhook',
    'webhook_events_filter',
  ])
  const parameters = operation?.parameters?.map(({ in: place, name }) => `${place} ${name}`) ?? []
  assert.deepEqual(parameters.toSorted(), [
    'header cache-control',
    'header cancel-after',
    'header idempotency-key',
    'header prefer',
    'query metadata',
    'query model',
    'query priority',
    'query top_k',
    'query webhook',
    'query webhook_events_filter',
  ])
})

test('each reference in the document leads somewhere', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref ?? '')
  assert.ok(references.length > 0)
  for (const reference of new Set(references)) {
    const [, name] = /^#\/components\/schemas\/(.+)$/.exec(reference) ?? []
    assert.ok(name !== undefined && name in document.components.schemas, reference)
  }
})

test('is the same on every gateway, so that it can be committed', async (t) => {
  const [first, second] = [await openTestGateway(t), await openTestGateway(t, { UPLOAD_BYTES_MAX: '1000' })]
  assert.deepEqual(await readDocument(first), await readDocument(second))
})

test('/docs is a page for people', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = await fetch(`${gateway.url}/docs`)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', /^text\/html/)
  assert.match(await answer.text(), /swagger-ui/)
})
