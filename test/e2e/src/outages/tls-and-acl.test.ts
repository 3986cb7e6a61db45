/**
 * Guarantee: a server with a certificate of a private authority is reached over TLS when Node is told to trust it, and
 * not otherwise; and a user with no more rights than docs/redis.md gives is enough for everything.
 */
import { scrape } from '@menagerie/harness/metrics-text'
import { findFreePort } from '@menagerie/harness/processes'
import { REPO_ROOT } from '@menagerie/harness/paths'
import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { countListeners, makeOwnServer } from './own-server.ts'
import { openScene } from './scene.ts'

const OPENSSL = 'openssl'
const hasOpenssl = spawnSync(OPENSSL, ['version']).status === 0

/** A private authority and a certificate of its for 127.0.0.1. */
const makeCertificates = (dir: string) => {
  const path = (name: string): string => join(dir, name)
  const openssl = (line: string): void => {
    const args = line.split(/\s+/)
    const { status, stderr } = spawnSync(OPENSSL, args, { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
  const newKey = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'
  openssl(`${newKey} -subj /CN=authority -keyout ${path('ca.key')} -out ${path('ca.pem')}`)
  openssl(
    `${newKey} -subj /CN=redis -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=CA:FALSE
     -CA ${path('ca.pem')} -CAkey ${path('ca.key')} -keyout ${path('server.key')} -out ${path('server.pem')}`,
  )
  return { ca: path('ca.pem'), key: path('server.key'), cert: path('server.pem') }
}

test('TLS with a private authority', { skip: hasOpenssl ? false : 'no openssl on PATH' }, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-tls-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const { ca, key, cert } = makeCertificates(dir)
  const tlsPort = await findFreePort()
  const server = await makeOwnServer(t, {
    args: Object.entries({
      '--tls-port': String(tlsPort),
      '--tls-cert-file': cert,
      '--tls-key-file': key,
      '--tls-ca-cert-file': ca,
      '--tls-auth-clients': 'no',
    }).flat(),
  })
  await server.start()
  const url = `rediss://127.0.0.1:${tlsPort}`

  await t.test('that Node was told to trust', async (t) => {
    const scene = await openScene(
      t,
      { REDIS_URL: url, NODE_EXTRA_CA_CERTS: ca },
      { mustBeReady: true, countListeners: () => countListeners(server.admin) },
    )
    await scene.goThrough({ begin: server.kill, end: () => server.start() })
  })

  await t.test('that nobody has heard of', async (t) => {
    const scene = await openScene(
      t,
      { REDIS_URL: url },
      { mustBeReady: false, countListeners: () => countListeners(server.admin) },
    )
    await scene.endure('queue_unavailable')
    assert.match(scene.gateway.log(), /certificate/)
  })
})

test('a user with the rights that the documentation gives', async (t) => {
  const server = await makeOwnServer(t)
  await server.start()
  const document = readFileSync(join(REPO_ROOT, 'docs', 'redis.md'), 'utf8')
  const [, rule] = /^ACL SETUSER (.*)$/m.exec(document) ?? []
  assert.ok(rule !== undefined, 'docs/redis.md has the rule')
  await server.admin.call('ACL', 'SETUSER', ...rule.replace('PASSWORD', 'a-password').split(' '))
  const scene = await openScene(
    t,
    { REDIS_URL: `redis://menagerie:a-password@127.0.0.1:${server.port}`, CACHE_TTL: '1h' },
    { mustBeReady: true, countListeners: () => countListeners(server.admin) },
  )
  await scene.expectRecovery(await scene.submit(8))
  assert.equal((await fetch(`${scene.gateway.url}/v1/models`)).status, 200)
  assert.equal((await scrape(scene.gateway.url)).sum('menagerie_redis_up'), 1)
  // An upload that cannot be decoded: what failing needs.
  const broken = await fetch(`${scene.gateway.url}/v1/predictions`, {
    method: 'POST',
    headers: { 'content-type': 'image/jpeg', prefer: 'wait=30' },
    body: new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 0, 0, 0, 0]),
  })
  assert.match(await broken.text(), /image_undecodable/)
  assert.equal(await scene.worker.stop(), 0, scene.worker.log())
  assert.equal(await scene.gateway.stop(), 0, scene.gateway.log())
  assert.deepEqual(await server.admin.call('ACL', 'LOG'), [])

  const user = new Redis({ port: server.port, username: 'menagerie', password: 'a-password' })
  t.after(() => user.disconnect())
  for (const command of ['FLUSHALL', 'KEYS *', 'CONFIG SET maxmemory 1', 'GET other:key', 'SHUTDOWN']) {
    const [name = '', ...args] = command.split(' ')
    await assert.rejects(user.call(name, ...args), /NOPERM/, command)
  }
})
