import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AccessLevel } from '../config.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { expectProblem } from '../testing/requests.ts'
import { as, withTenants } from '../testing/tenants.ts'

const OPERATOR_KEY = 'an-operator-key-for-tests'
const OPERATOR = { authorization: `Bearer ${OPERATOR_KEY}` }
const WRONG = { authorization: 'Bearer a-key-of-nobody-at-all' }

const PATHS: Record<string, string[]> = {
  METRICS_ACCESS: ['/metrics'],
  QUEUES_ACCESS: ['/v1/queues', '/v1/queues/test-model'],
  DOCS_ACCESS: ['/openapi.json', '/docs', '/docs/json', '/docs/static/swagger-ui.css'],
}

const openWith = async (t: Parameters<typeof openTestGateway>[0], level: AccessLevel, env = {}) => {
  const levels = Object.fromEntries(Object.keys(PATHS).map((setting) => [setting, level]))
  return openTestGateway(t, { ...levels, ...env })
}

/** Asks for each of the paths. */
const askAll = (gateway: TestGateway, headers: Record<string, string> = {}) =>
  Promise.all(
    Object.values(PATHS)
      .flat()
      .map((path) => fetch(`${gateway.url}${path}`, { headers })),
  )
const statusesOf = async (asked: Promise<Response[]>): Promise<number[]> => {
  const answers = await asked
  for (const answer of answers) await answer.arrayBuffer()
  return [...new Set(answers.map(({ status }) => status))]
}

test('open: everybody may', async (t) => {
  const gateway = await openWith(t, 'open', await withTenants(t, { one: {} }))
  for (const headers of [{}, WRONG, as('one')])
    assert.deepEqual(await statusesOf(askAll(gateway, headers)), [200])
})

test('tenant: who has an API key may, and operators', async (t) => {
  const gateway = await openWith(t, 'tenant', { ...(await withTenants(t, { one: {} })), OPERATOR_KEY })
  for (const headers of [as('one'), OPERATOR])
    assert.deepEqual(await statusesOf(askAll(gateway, headers)), [200])
  for (const headers of [{}, WRONG, as('two')]) {
    for (const answer of await askAll(gateway, headers)) await expectProblem(answer, 'api_key_invalid')
  }
})

test('tenant, where there are no keys: everybody may', async (t) => {
  const gateway = await openWith(t, 'tenant')
  assert.deepEqual(await statusesOf(askAll(gateway)), [200])
})

test('operator: only who has the operator key may', async (t) => {
  const gateway = await openWith(t, 'operator', { ...(await withTenants(t, { one: {} })), OPERATOR_KEY })
  assert.deepEqual(await statusesOf(askAll(gateway, OPERATOR)), [200])
  for (const headers of [{}, WRONG, as('one')]) {
    for (const answer of await askAll(gateway, headers)) {
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer')
      await expectProblem(answer, 'operator_key_invalid')
    }
  }
})

test('operator, without such a key: nobody may', async (t) => {
  const gateway = await openWith(t, 'operator')
  for (const answer of await askAll(gateway, OPERATOR)) await expectProblem(answer, 'operator_disabled')
})

test('off: there is no such route, not for operators either', async (t) => {
  const gateway = await openWith(t, 'off', { OPERATOR_KEY })
  for (const answer of await askAll(gateway, OPERATOR)) await expectProblem(answer, 'route_not_found')
})

test('by default queues are for tenants, metrics and documents for all', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, { one: {} }))
  const statuses: Record<string, number> = {}
  for (const path of Object.values(PATHS).flat()) {
    statuses[path] = (await fetch(`${gateway.url}${path}`)).status
  }
  assert.deepEqual(statuses, {
    '/metrics': 200,
    '/v1/queues': 401,
    '/v1/queues/test-model': 401,
    '/openapi.json': 200,
    '/docs': 200,
    '/docs/json': 200,
    '/docs/static/swagger-ui.css': 200,
  })
})
