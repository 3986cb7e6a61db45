import { EnvError } from '@menagerie/shared/env'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from './config.ts'

const messageOf = (env: Record<string, string>): string => {
  try {
    loadConfig(env)
  } catch (error) {
    assert.ok(error instanceof EnvError)
    return error.message
  }
  throw new Error('the settings were taken')
}

test('the defaults', () => {
  assert.deepEqual(loadConfig({}), {
    listen: { host: '127.0.0.1', port: 5000 },
    redis: { url: 'redis://127.0.0.1:6379', prefix: 'menagerie' },
    uploads: { kind: 'redis' },
    logLevel: 'info',
    tracing: null,
    cacheTtlMs: 86_400_000,
    defaultModel: 'densenet-121',
    publicUrl: null,
    trustProxy: false,
    uploadBytesMax: 10_485_760,
    batchBytesMax: 268_435_456,
    requestTimeoutMs: 120_000,
    corsOrigins: [],
    admission: { uploadsInFlightBytesMax: 268_435_456, depthMax: 100_000, waitMaxMs: 3_600_000 },
    syncTimeoutMs: 60_000,
    drainDelayMs: 0,
    resultTtlMs: 3_600_000,
    deadLetterTtlMs: 604_800_000,
    sweepIntervalMs: 60_000,
    urlInputs: { isEnabled: false, isPrivateAllowed: false, timeoutMs: 10_000 },
    operatorKey: null,
    access: { metrics: 'open', queues: 'tenant', docs: 'open' },
    apiKeysFile: null,
    queueAgeMaxMs: 86_400_000,
    webhooks: {
      secrets: [],
      retryDelaysMs: [5000, 60_000, 300_000, 1_800_000, 7_200_000, 21_600_000],
      timeoutMs: 15_000,
      isPrivateAllowed: false,
    },
  })
})

test('an empty variable means its default, and others are ignored', () => {
  assert.deepEqual(
    loadConfig({ PORT: '', MODEL: '', WEBHOOK_SECRET: '', HOME: '/root', TOP_K: 'x' }),
    loadConfig({}),
  )
})

test('values are converted to what the app works with', () => {
  const config = loadConfig({
    PORT: '8080',
    PUBLIC_URL: 'https://photos.example//',
    TRUST_PROXY: 'loopback, 10.0.0.0/8',
    UPLOAD_BYTES_MAX: '1000',
    SYNC_TIMEOUT: '500ms',
    RESULT_TTL: '2d',
    WEBHOOK_RETRY_DELAYS: '1s, 0.5m,2h',
    WEBHOOK_ALLOW_PRIVATE: '1',
  })
  assert.equal(config.listen.port, 8080)
  assert.equal(config.publicUrl, 'https://photos.example')
  assert.deepEqual(config.trustProxy, ['loopback', '10.0.0.0/8'])
  assert.equal(config.uploadBytesMax, 1000)
  assert.equal(config.syncTimeoutMs, 500)
  assert.equal(config.resultTtlMs, 172_800_000)
  assert.deepEqual(config.webhooks.retryDelaysMs, [1000, 30_000, 7_200_000])
  assert.equal(config.webhooks.isPrivateAllowed, true)
})

const BAD: Array<[name: string, value: string]> = [
  ['PORT', 'http'],
  ['PORT', '70000'],
  ['PORT', '-1'],
  ['REDIS_URL', 'localhost:6379'],
  ['REDIS_URL', 'http://localhost'],
  ['REDIS_PREFIX', 'a:b'],
  ['LOG_LEVEL', 'loud'],
  ['MODEL', '../../etc'],
  ['MODEL', 'Upper'],
  ['PUBLIC_URL', 'photos.example'],
  ['UPLOAD_BYTES_MAX', '0'],
  ['UPLOAD_BYTES_MAX', '10MB'],
  ['UPLOAD_BYTES_MAX', '999999999999'],
  ['SYNC_TIMEOUT', 'soon'],
  ['SYNC_TIMEOUT', '-5s'],
  ['RESULT_TTL', '1 hour'],
  ['MAX_QUEUE_AGE', '1w'],
  ['WEBHOOK_RETRY_DELAYS', '5s,,1m'],
  ['WEBHOOK_TIMEOUT', 'never'],
  ['WEBHOOK_ALLOW_PRIVATE', 'yes'],
  ['WEBHOOK_SECRET', 'my-secret'],
  ['WEBHOOK_SECRET', 'whsec_tooshort'],
]

for (const [name, value] of BAD) {
  test(`${name}=${value} is refused by name`, () => {
    const lines = messageOf({ [name]: value })
      .split('\n')
      .slice(1)
    assert.ok(lines.length > 0)
    for (const line of lines) assert.ok(line.trimStart().startsWith(`${name} `), line)
  })
}

test('all problems are reported at once', () => {
  const message = messageOf({ PORT: 'x', RESULT_TTL: 'x', WEBHOOK_SECRET: 'x' })
  for (const name of ['PORT', 'RESULT_TTL', 'WEBHOOK_SECRET']) assert.ok(message.includes(name))
})

test('a value is never printed', () => {
  const message = messageOf({ WEBHOOK_SECRET: 'hunter2-hunter2', REDIS_URL: 'http://:hunter2@redis' })
  assert.ok(!message.includes('hunter2'))
})
