/**
 * Requests made from the published document, against a real gateway and a real Redis: every answer is one that the
 * document describes. New routes are covered as soon as they are documented.
 *
 * FUZZ_SEED is the seed of a run, FUZZ_REQUESTS its length.
 */
import { listOperations, type ApiDocument, type NamedOperation } from '@menagerie/gateway/openapi/document'
import { createSchemaChecker } from '@menagerie/gateway/testing/check-schema'
import { makeReturnValue, startFakeWorker } from '@menagerie/gateway/testing/fake-worker'
import { openTestGateway } from '@menagerie/gateway/testing/open-test-gateway'
import { formatFailedReason } from '@menagerie/contract/errors'
import { WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { UnrecoverableError } from 'bullmq'
import * as fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { findFault, type ApiResponse } from './judge-response.ts'
import { createKnownValues } from './known-values.ts'
import { makeRequest, type ApiRequest } from './request-arbitrary.ts'

const SEED = Number(process.env['FUZZ_SEED'] ?? 1)
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 3000)
// Each call as often as any other, but those that make something: the others need what they have made.
const MAKING_WEIGHT = 4
const ANSWER_TIMEOUT_MS = 30_000
// The one that the examples in the document name.
const MODEL = 'densenet-121'
const OPERATOR_KEY = 'an-operator-key-for-the-api-run'
const FAILS_ONE_IN = 7
const SLOW_ONE_IN = 4
const SLOW_MS = 100

test('requests made from the document get nothing but what it describes', { timeout: 600_000 }, async (t) => {
  const gateway = await openTestGateway(t, { MODEL, OPERATOR_KEY, WEBHOOK_SECRET })
  let runs = 0
  await startFakeWorker(t, gateway, {
    concurrency: 4,
    model: { name: MODEL },
    answer: async () => {
      runs += 1
      // Some take long enough to be canceled.
      if (runs % SLOW_ONE_IN === 0) await sleep(SLOW_MS)
      if (runs % FAILS_ONE_IN !== 0) return makeReturnValue()
      throw new UnrecoverableError(formatFailedReason('image_undecodable', 'it may be damaged'))
    },
  })
  const pool = new Pool(gateway.url, { headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS })
  t.after(() => pool.destroy())
  const document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as ApiDocument
  const check = createSchemaChecker(document)
  const known = createKnownValues(document)

  const send = async (
    { method, path, operation }: NamedOperation,
    request: ApiRequest,
  ): Promise<ApiResponse> => {
    const target = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
      const value = request.path[name] ?? { text: 'x' }
      if ('text' in value) return encodeURIComponent(value.text)
      const { example } = operation.parameters?.find((parameter) => parameter.name === name) ?? {}
      return encodeURIComponent(known.recall(path, name, value.known) ?? String(example))
    })
    const query = new URLSearchParams(request.query).toString()
    const asked = (operation.security ?? []).some((scheme) => 'operatorKey' in scheme)
    const contentType = request.body?.contentType ?? null
    const answer = await pool.request({
      method,
      path: query === '' ? target : `${target}?${query}`,
      headers: {
        ...request.headers,
        ...(asked && request.hasKey ? { authorization: `Bearer ${OPERATOR_KEY}` } : {}),
        ...(contentType === null ? {} : { 'content-type': contentType }),
      },
      body: request.body?.bytes ?? null,
    })
    const response = { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
    if (String(answer.headers['content-type']).startsWith('application/json'))
      known.learn('', JSON.parse(response.text))
    return response
  }

  const operations = listOperations(document)
  const seen = new Map(operations.map(({ name }) => [name, new Map<number, number>()]))
  t.diagnostic(`seed ${SEED}, ${REQUESTS} requests for ${operations.length} operations`)
  const anyRequest = fc.oneof(
    ...operations.map((named) => ({
      weight: named.operation.requestBody === undefined ? 1 : MAKING_WEIGHT,
      arbitrary: makeRequest(document, named).map((request) => ({ named, request })),
    })),
  )
  const property = fc.asyncProperty(anyRequest, async ({ named, request }) => {
    const response = await send(named, request)
    const counts = seen.get(named.name)
    counts?.set(response.status, (counts.get(response.status) ?? 0) + 1)
    const fault = findFault(check, named, response)
    assert.ok(fault === null, `${named.name}: ${fault}\n${response.text.slice(0, 500)}`)
  })
  await fc.assert(property, { seed: SEED, numRuns: REQUESTS })

  for (const [name, counts] of seen) {
    t.diagnostic(`${name}: ${[...counts].map(([status, count]) => `${count} × ${status}`).join(', ')}`)
  }
  // What is always refused proves little. Some calls succeed only after others have failed.
  const succeeded = [...seen.values()].filter((counts) => [...counts.keys()].some((status) => status < 300))
  assert.ok(succeeded.length >= 0.8 * operations.length, 'most operations succeed at times')
})
