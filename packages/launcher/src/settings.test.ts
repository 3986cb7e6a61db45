import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { parseArguments, UsageError } from './arguments.ts'
import { loadSettings, SettingsError } from './settings.ts'

test('without variables everything has its default', () => {
  assert.deepEqual(loadSettings({}, '/repo'), {
    port: 5000,
    workers: 1,
    model: 'densenet-121',
    modelDir: undefined,
    dataDir: join('/repo', 'data'),
    redisUrl: undefined,
    modelCacheDir: undefined,
  })
})

test('an empty variable counts as not set', () => {
  const names = ['PORT', 'WORKERS', 'MODEL', 'MODEL_DIR', 'DATA_DIR', 'REDIS_URL', 'MODEL_CACHE_DIR']
  const env = Object.fromEntries(names.map((name) => [name, '']))
  assert.deepEqual(loadSettings(env, '/repo'), loadSettings({}, '/repo'))
})

test('folders count from where the launcher was called', () => {
  const env = { MODEL_DIR: relative(process.cwd(), tmpdir()), DATA_DIR: tmpdir(), MODEL_CACHE_DIR: 'cache' }
  const settings = loadSettings(env, '/repo')
  assert.equal(settings.modelDir, tmpdir())
  assert.equal(settings.dataDir, tmpdir())
  assert.equal(settings.modelCacheDir, join(process.cwd(), 'cache'))
})

const bad: [env: Record<string, string>, message: RegExp][] = [
  [{ PORT: '0' }, /^PORT must be a whole number from 1 to 65535, not '0'$/],
  [{ PORT: '65536' }, /^PORT must be a whole number from 1 to 65535/],
  [{ PORT: '80a' }, /^PORT must be a whole number/],
  [{ WORKERS: '0' }, /^WORKERS must be a whole number from 1 to 256, not '0'$/],
  [{ WORKERS: '1.5' }, /^WORKERS must be a whole number/],
  [{ WORKERS: '-1' }, /^WORKERS must be a whole number/],
  [{ MODEL: '../etc' }, /^MODEL must be a model's name/],
  [{ MODEL_DIR: '/no/such/folder' }, /^MODEL_DIR must be a folder that exists, not '\/no\/such\/folder'$/],
  [{ DATA_DIR: '/no/such/folder' }, /^DATA_DIR must be a folder that exists/],
  [{ REDIS_URL: 'localhost:6379' }, /^REDIS_URL must begin with redis:\/\/, rediss:\/\/ or unix:\/\/$/],
]
for (const [env, message] of bad) {
  test(`${JSON.stringify(env)} is refused in one line that names the rule`, () => {
    assert.throws(
      () => loadSettings(env, '/repo'),
      (err: Error) => {
        assert.ok(err instanceof SettingsError)
        assert.match(err.message, message)
        assert.doesNotMatch(err.message, /\n/)
        return true
      },
    )
  })
}

test('the flags are --once and --help, and nothing else', () => {
  assert.deepEqual(parseArguments([]), { help: false, once: false })
  assert.deepEqual(parseArguments(['--once', '-h']), { help: true, once: true })
  assert.throws(() => parseArguments(['--onec']), new UsageError("unknown argument '--onec'"))
})
