// The command of the StatefulSet with its configuration, run by the Redis of this machine: the server wants the password,
// writes before it acknowledges, and has the password in no command line.
import { startChildProcess } from '@menagerie/launcher/child-process'
import { findRedisServer } from '@menagerie/launcher/redis-server'
import { Redis } from 'ioredis'
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildOverlay, findKustomizeFault } from './kustomize.ts'
import { listPodsOf } from './pods.ts'

const PASSWORD = '0f1e2d3c4b5a'
const SERVER = await findRedisServer()
const skip = findKustomizeFault() || (SERVER === undefined && 'needs a Redis that is installed')

const connect = async (path: string, password?: string): Promise<Redis> => {
  const redis = new Redis({
    path,
    lazyConnect: true,
    maxRetriesPerRequest: null,
    retryStrategy: () => 50,
    ...(password === undefined ? {} : { password }),
  })
  redis.on('error', () => undefined)
  await redis.connect().catch(() => undefined)
  return redis
}

test('the server of the cluster is durable and wants its password', { skip, timeout: 120_000 }, async (t) => {
  const objects = buildOverlay('redis-in-cluster')
  const container = listPodsOf(objects, 'redis')[0]?.container
  const configuration = objects.find(({ metadata }) => metadata.name.startsWith('menagerie-redis-'))?.data?.[
    'valkey.conf'
  ]
  assert.ok(container !== undefined && configuration !== undefined)
  const folder = await mkdtemp(join(tmpdir(), 'menagerie-valkey-'))
  t.after(() => rm(folder, { recursive: true }))
  const socket = join(folder, 'redis.sock')
  const configPath = join(folder, 'valkey.conf')
  const here = configuration.replace('dir /data', `dir ${folder}`)
  await writeFile(configPath, `${here}\nport 0\nunixsocket ${socket}\n`)
  await writeFile(join(folder, 'valkey-server'), `#!/bin/sh\nexec ${SERVER} "$@"\n`, { mode: 0o755 })

  const [command = '', ...options] = container.command ?? []
  const logPath = join(folder, 'log')
  const server = await startChildProcess({
    command,
    args: [...options, ...(container.args ?? [])].map((text) =>
      text.replace('/etc/valkey/valkey.conf', configPath),
    ),
    logPath,
    env: { PATH: `${folder}:${process.env['PATH']}`, REDISCLI_AUTH: PASSWORD },
  })
  t.after(() => server.stop())

  const redis = await connect(socket, PASSWORD)
  t.after(() => redis.disconnect())
  const names = ['appendonly', 'appendfsync', 'maxmemory-policy', 'maxmemory', 'save']
  const settings = await Promise.all(names.map((name) => redis.config('GET', name)))
  assert.deepEqual(settings, [
    ['appendonly', 'yes'],
    ['appendfsync', 'always'],
    ['maxmemory-policy', 'noeviction'],
    ['maxmemory', String(2400 * 2 ** 20)],
    ['save', ''],
  ])
  const stranger = await connect(socket)
  t.after(() => stranger.disconnect())
  await assert.rejects(stranger.set('a', 'b'), /NOAUTH/)
  assert.ok(!(await readFile(`/proc/${server.pid}/cmdline`, 'utf8').catch(() => '')).includes(PASSWORD))

  // As the kubelet stops it: the shell has become the server, or the signal would end the shell alone.
  server.kill('SIGTERM')
  assert.deepEqual(await server.exited, { code: 0, signal: null }, await readFile(logPath, 'utf8'))
})
