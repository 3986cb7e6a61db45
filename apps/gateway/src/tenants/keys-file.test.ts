import { EnvError } from '@menagerie/shared/env'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeKeysFile } from '../testing/tenants.ts'
import { readKeysFile } from './keys-file.ts'

const HASH = 'a'.repeat(64)
const tenant = (changes: object = {}) => ({ id: 'ann', keys: [HASH], ...changes })

test('a tenant has an id, hashes of keys, and limits where they are wanted', async (t) => {
  const file = {
    tenants: [
      tenant(),
      tenant({
        id: 'bob',
        keys: ['b'.repeat(64), 'c'.repeat(64)],
        weight: 4,
        rate: 600,
        concurrency: 100,
        bytes: 1_000_000,
        webhook_secrets: [`whsec_${'A'.repeat(32)}`],
      }),
    ],
  }
  assert.deepEqual(await readKeysFile(await writeKeysFile(t, JSON.stringify(file))), file)
})

const SECRET = 'not-to-be-quoted'
const BAD: Array<[file: unknown, rule: RegExp]> = [
  [[], /API_KEYS_FILE as a whole/],
  [{ tenants: [{ id: 'ann' }] }, /\/tenants\/0 .*keys/],
  [{ tenants: [tenant({ id: 'Ann Smith' })] }, /\/tenants\/0\/id .*pattern/],
  [{ tenants: [tenant({ keys: [SECRET] })] }, /\/tenants\/0\/keys\/0 .*pattern/],
  [{ tenants: [tenant({ weight: 0 })] }, /\/tenants\/0\/weight .*1/],
  [{ tenants: [tenant({ rate: 1.5 })] }, /\/tenants\/0\/rate .*integer/],
  [{ tenants: [tenant({ webhook_secrets: [SECRET] })] }, /\/tenants\/0\/webhook_secrets\/0 .*pattern/],
  [{ tenants: [tenant({ weigth: 2 })] }, /\/tenants\/0 .*additional/],
  [{ tenants: [tenant(), tenant({ keys: [] })] }, /more than one tenant ann/],
  [{ tenants: [tenant(), tenant({ id: 'bob' })] }, /the same key twice/],
]
test('what does not fit is refused by its rule, and no secret is quoted', async (t) => {
  for (const [file, rule] of BAD) {
    const path = await writeKeysFile(t, JSON.stringify(file))
    await assert.rejects(readKeysFile(path), (error: unknown) => {
      assert.ok(error instanceof EnvError)
      assert.match(error.message, rule)
      assert.ok(!error.message.includes(SECRET))
      return true
    })
  }
  const broken = await writeKeysFile(t, `{"tenants": ${SECRET}`)
  await assert.rejects(readKeysFile(broken), /API_KEYS_FILE is not JSON$/)
  await assert.rejects(readKeysFile(`${broken}.absent`), /API_KEYS_FILE cannot be read: ENOENT/)
})
