import { EnvError } from '@menagerie/shared/env'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestGateway } from './testing/open-test-gateway.ts'
import { withTenants, writeKeysFile } from './testing/tenants.ts'

const WARNING = /"level":40[^\n]*API_KEYS_FILE IS NOT SET/

test('a gateway that anybody can reach and use says so, and only such a one', async (t) => {
  const open = async (env: Record<string, string>) => (await openTestGateway(t, env)).logText()
  assert.match(await open({ HOST: '0.0.0.0' }), WARNING)
  for (const HOST of ['127.0.0.1', 'localhost']) assert.doesNotMatch(await open({ HOST }), WARNING)
  assert.doesNotMatch(await open({ HOST: '0.0.0.0', ...(await withTenants(t, { ann: {} })) }), WARNING)
})

test('a file of keys that is not valid ends the start with its rule', async (t) => {
  const path = await writeKeysFile(t, '{"tenants":[{"id":"ann","keys":["x"]}]}')
  await assert.rejects(openTestGateway(t, { API_KEYS_FILE: path }), (error: unknown) => {
    assert.ok(error instanceof EnvError)
    assert.match(error.message, /API_KEYS_FILE \/tenants\/0\/keys\/0 must match pattern/)
    return true
  })
})
