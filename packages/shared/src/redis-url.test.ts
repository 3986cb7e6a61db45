import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EnvError } from './env.ts'
import { readRedisSettings } from './redis-settings.ts'
import { parseRedisUrl } from './redis-url.ts'

test('one server is left to the client, as it is', () => {
  for (const url of ['redis://localhost', 'rediss://user:pass@host:6380/2', 'unix:///run/redis.sock']) {
    assert.deepEqual(parseRedisUrl(url), { kind: 'server', url })
  }
})

test('sentinels: several of them, the name of the master, and who we are to both', () => {
  assert.deepEqual(parseRedisUrl('redis-sentinel://me:p%40ss@one,two:26380,[::1]:26381/mymaster'), {
    kind: 'sentinel',
    endpoints: [
      { host: 'one', port: 26_379 },
      { host: 'two', port: 26_380 },
      { host: '::1', port: 26_381 },
    ],
    options: { name: 'mymaster', username: 'me', password: 'p@ss' },
  })
  assert.deepEqual(
    parseRedisUrl('rediss-sentinel://:secret@one/mymaster?sentinelUsername=s&sentinelPassword=a%26b'),
    {
      kind: 'sentinel',
      endpoints: [{ host: 'one', port: 26_379 }],
      options: {
        name: 'mymaster',
        password: 'secret',
        tls: {},
        sentinelUsername: 's',
        sentinelPassword: 'a&b',
      },
    },
  )
})

test('a cluster: some of its nodes, with and without TLS', () => {
  const endpoints = [
    { host: 'a.example', port: 7000 },
    { host: '10.0.0.2', port: 6379 },
  ]
  assert.deepEqual(parseRedisUrl('redis-cluster://a.example:7000,10.0.0.2'), {
    kind: 'cluster',
    endpoints,
    options: {},
  })
  assert.deepEqual(parseRedisUrl('rediss-cluster://me:secret@a.example:7000,10.0.0.2/'), {
    kind: 'cluster',
    endpoints,
    options: { username: 'me', password: 'secret', tls: {} },
  })
})

test('what cannot be meant is refused with the rule and without the value', () => {
  const urls = [
    'http://secret',
    'redis://secret:99999',
    'redis-sentinel://secret:26379',
    'redis-sentinel://secret:26379/',
    'redis-cluster://secret:7000/0',
    'redis-cluster://',
    'redis-cluster://secret:0',
    'redis-cluster://secret:70000',
    'redis-cluster://one,,secret',
    'redis-cluster://me:secret%@one',
    'redis-cluster://secret:7000:7001',
  ]
  for (const url of urls) {
    assert.throws(
      () => readRedisSettings({ REDIS_URL: url, REDIS_PREFIX: '{m}' }),
      (error: unknown) =>
        error instanceof EnvError &&
        /REDIS_URL must be/.test(error.message) &&
        !error.message.includes('secret'),
      url,
    )
  }
})

test('a cluster needs a prefix with a hash tag', () => {
  const REDIS_URL = 'redis-cluster://secret:7000'
  for (const REDIS_PREFIX of ['{menagerie}', 'zoo{menagerie}', '{a}{}']) {
    assert.deepEqual(readRedisSettings({ REDIS_URL, REDIS_PREFIX }), { url: REDIS_URL, prefix: REDIS_PREFIX })
  }
  for (const REDIS_PREFIX of ['menagerie', '{}', '{}menagerie{x}', '}menagerie{']) {
    assert.throws(
      () => readRedisSettings({ REDIS_URL, REDIS_PREFIX }),
      /REDIS_PREFIX must have a hash tag, such as \{menagerie\}/,
      REDIS_PREFIX,
    )
  }
  assert.equal(readRedisSettings({ REDIS_URL: 'redis://one', REDIS_PREFIX: 'menagerie' }).prefix, 'menagerie')
})
