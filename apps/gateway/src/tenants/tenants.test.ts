import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { atEnd } from '../testing/at-end.ts'
import { formatKeysFile, keyOf, writeKeysFile } from '../testing/tenants.ts'
import { ANONYMOUS } from './tenant.ts'
import { openTenants } from './tenants.ts'

const log = pino({ level: 'silent' })
const SERVER_SECRET = `whsec_${'S'.repeat(32)}`
const SECRETS = [`whsec_${'N'.repeat(32)}`, `whsec_${'O'.repeat(32)}`]

test('webhooks of a tenant are signed with all its secrets, of others in the file with that of the server', async (t) => {
  const path = await writeKeysFile(t, formatKeysFile({ ann: { webhook_secrets: SECRETS }, bob: {} }))
  const tenants = await openTenants({ log }, { path, webhookSecrets: [SERVER_SECRET] })
  atEnd(t, 'tenants', () => tenants.close())
  assert.deepEqual(tenants.secretsOf('ann'), SECRETS)
  for (const id of ['bob', 'anonymous']) assert.deepEqual(tenants.secretsOf(id), [SERVER_SECRET])
  // It may have had its own, or have been taken out for a reason: the receivers of others would take its webhooks for theirs.
  assert.deepEqual(tenants.secretsOf('gone'), [])
  const open = await openTenants({ log }, { path: null, webhookSecrets: [SERVER_SECRET] })
  assert.deepEqual(open.secretsOf('gone'), [SERVER_SECRET])
  const without = await openTenants({ log }, { path, webhookSecrets: [] })
  atEnd(t, 'tenants', () => without.close())
  assert.deepEqual(without.secretsOf('bob'), [])
})

test('a key is that of its tenant alone; without a file everybody is the same one', async (t) => {
  const path = await writeKeysFile(t, formatKeysFile({ ann: { weight: 3, rate: 60 }, bob: {} }))
  const tenants = await openTenants({ log }, { path, webhookSecrets: [] })
  atEnd(t, 'tenants', () => tenants.close())
  assert.deepEqual(tenants.identify(keyOf('ann')), {
    ...ANONYMOUS,
    id: 'ann',
    weight: 3,
    ratePerMinute: 60,
  })
  assert.equal(tenants.identify(keyOf('bob'))?.id, 'bob')
  for (const key of [null, '', keyOf('carol'), keyOf('ann').slice(0, -1)]) {
    assert.equal(tenants.identify(key), null)
  }
  const open = await openTenants({ log }, { path: null, webhookSecrets: [] })
  for (const key of [null, 'anything']) assert.equal(open.identify(key), ANONYMOUS)
})
