import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestGateway } from '../testing/open-test-gateway.ts'
import { postForm } from '../testing/requests.ts'
import { withTenants } from '../testing/tenants.ts'

const ORIGIN = 'https://app.example.com'

test('every answer tells browsers to take it for data alone, and none names the server', async (t) => {
  const gateway = await openTestGateway(t)
  const answers = [
    await fetch(`${gateway.url}/livez`),
    await fetch(`${gateway.url}/v1/models`),
    await fetch(`${gateway.url}/openapi.json`),
    await fetch(`${gateway.url}/nowhere`),
    await fetch(`${gateway.url}/v1/predictions/none`),
    await postForm(gateway),
    await postForm(gateway, { fields: { top_k: '0' } }),
  ]
  for (const { headers, url, status } of answers) {
    const place = `${status} ${url}`
    assert.equal(headers.get('x-content-type-options'), 'nosniff', place)
    assert.equal(headers.get('content-security-policy'), "default-src 'none'; frame-ancestors 'none'", place)
    assert.equal(headers.get('referrer-policy'), 'no-referrer', place)
    assert.equal(headers.get('server'), null, place)
    assert.equal(headers.get('x-powered-by'), null, place)
  }
})

test('without CORS_ORIGINS no page of another origin may read an answer', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = await fetch(`${gateway.url}/v1/models`, { headers: { origin: ORIGIN } })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('access-control-allow-origin'), null)
})

test('pages of CORS_ORIGINS may read answers and ask with headers, those of others may not', async (t) => {
  const gateway = await openTestGateway(t, { CORS_ORIGINS: `${ORIGIN}, http://localhost:3000` })
  const allowedFor = async (origin: string, init: RequestInit = {}): Promise<string | null> => {
    const headers = { origin, ...(init.headers as Record<string, string>) }
    const answer = await fetch(`${gateway.url}/v1/models`, { ...init, headers })
    return answer.headers.get('access-control-allow-origin')
  }
  assert.equal(await allowedFor(ORIGIN), ORIGIN)
  assert.equal(await allowedFor('http://localhost:3000'), 'http://localhost:3000')
  for (const other of [
    'https://evil.example',
    `${ORIGIN}.evil.example`,
    'null',
    'https://app.example.com:8443',
  ]) {
    assert.equal(await allowedFor(other), null, other)
  }
  const preflight = {
    method: 'OPTIONS',
    headers: { 'access-control-request-method': 'POST', 'access-control-request-headers': 'idempotency-key' },
  }
  assert.equal(await allowedFor(ORIGIN, preflight), ORIGIN)
  assert.equal(await allowedFor('https://evil.example', preflight), null)
})

test('a browser that asks whether it may ask needs no key; the page that asks then does', async (t) => {
  const env = { ...(await withTenants(t, { ann: {} })), CORS_ORIGINS: '*' }
  const { url } = await openTestGateway(t, env)
  const headers = {
    origin: ORIGIN,
    'access-control-request-method': 'GET',
    'access-control-request-headers': 'authorization',
  }
  const preflight = await fetch(`${url}/v1/models`, { method: 'OPTIONS', headers })
  assert.equal(preflight.status, 204)
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /authorization/)
  const answer = await fetch(`${url}/v1/models`, { headers: { origin: ORIGIN } })
  assert.equal(answer.status, 401)
  assert.equal(answer.headers.get('access-control-allow-origin'), '*')
})
