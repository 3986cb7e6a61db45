/** The document is held to rules, not to a list of routes: one that is added and says too little fails here. */
import { ERRORS, type ErrorCode } from '@menagerie/contract/errors'
import { Validator } from '@seriousme/openapi-schema-validator'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  listOperations,
  resolveSchema,
  type ApiDocument,
  type Media,
  type NamedOperation,
} from '../openapi/document.ts'
import { createSchemaChecker } from '../testing/check-schema.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'

const PROBLEM_TYPE = 'application/problem+json'

const readDocument = async (gateway: TestGateway): Promise<ApiDocument> => {
  const answer = await fetch(`${gateway.url}/openapi.json`)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
  return (await answer.json()) as ApiDocument
}

interface PlacedMedia {
  place: string
  type: string
  media: Media
}

/** Every body that the document has: of requests and of answers. */
const listMedia = ({ name, operation }: NamedOperation): PlacedMedia[] => {
  const ofRequest = Object.entries(operation.requestBody?.content ?? {})
  const ofAnswers = Object.entries(operation.responses).flatMap(([status, { content = {} }]) =>
    Object.entries(content).map(([type, media]) => ({ place: `${name}, ${status}`, type, media })),
  )
  return [...ofRequest.map(([type, media]) => ({ place: `${name}, request`, type, media })), ...ofAnswers]
}

/** An error answer of ours; those of other protocols have a form of their own. */
const listProblems = ({ name, operation }: NamedOperation) =>
  Object.entries(operation.responses).flatMap(([status, { description, content }]) => {
    const media = content?.[PROBLEM_TYPE]
    return media === undefined
      ? []
      : [{ place: `${name}, ${status}`, status: Number(status), description, media }]
  })

const codesOf = ({ schema }: Media): ErrorCode[] => (schema.properties?.['code']?.enum ?? []) as ErrorCode[]

const isObvious = (type: unknown): boolean => ['integer', 'number', 'boolean'].includes(String(type))

test('the document is valid OpenAPI 3.1', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  assert.equal(document.openapi, '3.1.0')
  const result = await new Validator().validate(structuredClone(document) as never)
  assert.deepEqual(result, { valid: true })
})

test('each operation has a name of its own, a summary, and tags that are declared', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  const operations = listOperations(document)
  assert.ok(operations.length >= 14, String(operations.length))
  const ids = operations.map(({ operation }) => operation.operationId)
  assert.equal(new Set(ids).size, operations.length)
  const tags = new Set(document.tags?.map(({ name }) => name))
  for (const { name, operation } of operations) {
    assert.ok((operation.summary ?? '').length > 0, `${name} has no summary`)
    assert.ok((operation.tags ?? []).length > 0, `${name} has no tag`)
    for (const tag of operation.tags ?? [])
      assert.ok(tags.has(tag), `${name}: the tag ${tag} is not declared`)
  }
})

test('each parameter has a description, and an example unless its type says all', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  const check = createSchemaChecker(document)
  const faults: string[] = []
  for (const { name, path, operation } of listOperations(document)) {
    const parameters = operation.parameters ?? []
    const inPath = parameters
      .filter((parameter) => parameter.in === 'path')
      .map((parameter) => parameter.name)
    assert.deepEqual(
      inPath.toSorted(),
      Array.from(path.matchAll(/\{(\w+)\}/g), ([, word = '']) => word).toSorted(),
      name,
    )
    for (const parameter of parameters) {
      const place = `${name}, ${parameter.in} parameter ${parameter.name}`
      if ((parameter.description ?? '') === '') faults.push(`${place} has no description`)
      if (parameter.example !== undefined) {
        assert.equal(check(parameter.schema, parameter.example), null, place)
        continue
      }
      const { type, enum: values } = resolveSchema(document, parameter.schema)
      if (values === undefined && !isObvious(type)) faults.push(`${place} has no example`)
    }
  }
  assert.deepEqual(faults, [])
})

test('each response says what it means, and each JSON body has an example', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  const faults: string[] = []
  for (const named of listOperations(document)) {
    for (const [status, { description }] of Object.entries(named.operation.responses)) {
      if (['', 'Default Response'].includes(description))
        faults.push(`${named.name}, ${status} is not described`)
    }
    for (const { place, type, media } of listMedia(named)) {
      if (!/json|multipart/.test(type)) continue
      const isShown = media.example !== undefined || Object.keys(media.examples ?? {}).length > 0
      if (!isShown) faults.push(`${place}: ${type} has no example, and none can be made from its schema`)
    }
  }
  assert.deepEqual(faults, [])
})

test('each example is valid by its own schema', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  const check = createSchemaChecker(document)
  let checked = 0
  for (const { place, media } of listOperations(document).flatMap(listMedia)) {
    const examples = Object.values(media.examples ?? {}).map(({ value }) => value)
    if (media.example !== undefined) examples.push(media.example)
    for (const example of examples) {
      assert.equal(check(media.schema, example), null, `${place}: ${JSON.stringify(example)}`)
      checked += 1
    }
  }
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    for (const example of schema.examples ?? []) assert.equal(check(schema, example), null, name)
  }
  assert.ok(checked > 100, String(checked))
})

test('each refusal lists the codes that it can carry, all of them with its status', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  for (const operation of listOperations(document)) {
    const refusals = Object.keys(operation.operation.responses).filter((status) => Number(status) >= 400)
    const problems = listProblems(operation)
    for (const status of refusals) {
      const { content } = operation.operation.responses[status] ?? {}
      assert.ok(content !== undefined, `${operation.name}, ${status} has no body`)
    }
    for (const { place, status, description, media } of problems) {
      const codes = codesOf(media)
      assert.ok(codes.length > 0, `${place} has no codes`)
      for (const code of codes) {
        assert.equal(ERRORS[code].status, status, `${place}: ${code}`)
        assert.ok(description.includes(`\`${code}\``), `${place}: ${code}`)
      }
    }
  }
})

test('each error code is documented: by a route that answers it, or as what no route answers', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  const documented = new Set(
    listOperations(document)
      .flatMap(listProblems)
      .flatMap(({ media }) => codesOf(media)),
  )
  const missing = Object.keys(ERRORS).filter((code) => !documented.has(code as ErrorCode))
  assert.deepEqual(missing, ['route_not_found', 'archive_entry_invalid'])
  const results = document.paths['/v1/batches/{id}/results']?.['get']
  assert.match(JSON.stringify(results), /`archive_entry_invalid`/)
  assert.match(document.info.description ?? '', /`route_not_found`/)
})

test('a call that asks for a key says so, and documents its refusal', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  const schemes = Object.keys(document.components.securitySchemes)
  for (const { name, operation } of listOperations(document)) {
    const asked = (operation.security ?? document.security ?? []).flatMap(Object.keys)
    for (const scheme of asked) assert.ok(schemes.includes(scheme), `${name}: ${scheme} is not declared`)
    assert.equal('401' in operation.responses, asked.length > 0, name)
  }
})

test('documents bodies, options and headers of uploads', async (t) => {
  const document = await readDocument(await openTestGateway(t))
  const operation = document.paths['/v1/predictions']?.['post']
  const types = Object.keys(operation?.requestBody?.content ?? {})
  for (const type of [
    'multipart/form-data',
    'image/jpeg',
    'image/png',
    'image/webp',
    'image/gif',
    'image/avif',
  ]) {
    assert.ok(types.includes(type), type)
  }
  const form = operation?.requestBody?.content['multipart/form-data']?.schema.properties ?? {}
  const parameters = operation?.parameters?.map(({ in: place, name }) => `${place} ${name}`) ?? []
  for (const name of ['metadata', 'model', 'top_k', 'webhook']) {
    assert.ok(name in form, name)
    assert.ok(parameters.includes(`query ${name}`), name)
  }
  assert.ok('file' in form)
  for (const name of ['cache-control', 'cancel-after', 'idempotency-key', 'prefer']) {
    assert.ok(parameters.includes(`header ${name}`), name)
  }
})

test('is the same on every gateway, so that it can be committed', async (t) => {
  const [first, second] = [await openTestGateway(t), await openTestGateway(t, { UPLOAD_BYTES_MAX: '1000' })]
  assert.deepEqual(await readDocument(first), await readDocument(second))
})

test('/docs is a page for people, which loads nothing from elsewhere and runs no script inside it', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = await fetch(`${gateway.url}/docs`)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', /^text\/html/)
  const policy = answer.headers.get('content-security-policy') ?? ''
  assert.match(policy, /default-src 'none';/)
  assert.match(policy, /script-src 'self';/)
  assert.match(policy, /frame-ancestors 'none';/)
  const page = await answer.text()
  assert.match(page, /swagger-ui/)
  const sources = Array.from(page.matchAll(/(?:src|href)="([^"]+)"/g), ([, source = '']) => source)
  assert.ok(sources.length > 0)
  for (const source of sources) {
    const resource = await fetch(new URL(source, answer.url))
    assert.equal(new URL(resource.url).origin, new URL(gateway.url).origin, source)
    assert.equal(resource.status, 200, source)
    await resource.arrayBuffer()
  }
  assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)/)
})
