import { EnvError } from '@menagerie/shared/env'
import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { writeKeysFile } from '../testing/tenants.ts'
import { hashApiKey } from './api-key.ts'
import { runKeysCommand, UsageError } from './keys-command.ts'
import { readKeysFile } from './keys-file.ts'

test('a key is printed once, and the file has its hash', async (t) => {
  const path = `${await writeKeysFile(t, '')}.new`
  const key = await runKeysCommand(['create', 'ann', '--weight', '3', '--rate', '600'], path)
  assert.match(key, /^mng_[A-Za-z0-9_-]{43}$/)
  assert.deepEqual(await readKeysFile(path), {
    tenants: [{ id: 'ann', keys: [hashApiKey(key)], weight: 3, rate: 600 }],
  })
  assert.ok(!(await readFile(path, 'utf8')).includes(key))
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  // Nothing is left of what it was written to first.
  assert.equal((await readdir(dirname(path))).length, 2)
})

test('keys are changed without a gap, or at once', async (t) => {
  const path = await writeKeysFile(t, '{"tenants":[]}')
  const run = (...args: string[]) => runKeysCommand(args, path)
  const first = hashApiKey(await run('create', 'ann'))
  const second = hashApiKey(await run('create', 'ann', '--concurrency', '7'))
  const keysOfAnn = async () => (await readKeysFile(path)).tenants[0]?.keys
  assert.deepEqual(await keysOfAnn(), [first, second])
  assert.equal(await run('list'), `ann  concurrency 7  keys: ${first.slice(0, 8)} ${second.slice(0, 8)}`)
  await run('revoke', 'ann', first.slice(0, 8))
  assert.deepEqual(await keysOfAnn(), [second])
  const third = hashApiKey(await run('rotate', 'ann'))
  assert.deepEqual(await keysOfAnn(), [third])
  await run('revoke', 'ann')
  assert.deepEqual(await keysOfAnn(), [])
})

test('what cannot be done leaves the file as it was', async (t) => {
  const path = await writeKeysFile(t, '{"tenants":[]}')
  const attempts: Array<[args: string[], kind: typeof EnvError | typeof UsageError]> = [
    [['create', 'Ann Smith'], EnvError],
    [['create', 'ann', '--weight', 'much'], EnvError],
    [['create', 'ann', '--wieght', '3'], UsageError],
    [['create'], UsageError],
    [['rotate', 'ann'], UsageError],
    [['revoke', 'ann'], UsageError],
    [['burn', 'ann'], UsageError],
  ]
  for (const [args, kind] of attempts) await assert.rejects(runKeysCommand(args, path), kind)
  assert.equal(await readFile(path, 'utf8'), '{"tenants":[]}')
  await assert.rejects(runKeysCommand(['list'], undefined), UsageError)
})
