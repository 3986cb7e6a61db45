import { findFreePort } from '@menagerie/launcher/free-port'
import { startChildProcess, type ManagedProcess } from '@menagerie/launcher/child-process'
import { execFile, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { waitUntil } from './processes.ts'

const run = promisify(execFile)

const SERVICES = ['account', 'container', 'object'] as const
const COMMANDS = [
  ...SERVICES.map((name) => `swift-${name}-server`),
  'swift-proxy-server',
  'swift-ring-builder',
  'memcached',
]
const missing = COMMANDS.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0)

/** Why a test that needs an S3 server is skipped; false where one can be started. */
export const skipWithoutSwift: string | false =
  missing.length === 0 ? false : `not installed: ${missing.join(', ')} (scripts/install-test-tools.sh)`

/** What it lets in. */
export const SWIFT_ACCESS_KEY = 'test:tester'
export const SWIFT_SECRET = 'secret-of-the-tests'

const storageConfig = (name: string, port: number, dir: string): string => `[DEFAULT]
devices = ${dir}
mount_check = false
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
swift_dir = ${dir}
[pipeline:main]
pipeline = healthcheck ${name}-server
[filter:healthcheck]
use = egg:swift#healthcheck
[app:${name}-server]
use = egg:swift#${name}
`

// Five interpreters, which take a few seconds where nothing else runs.
const START_MAX_MS = 180_000

// So few keys in a page that a test gets to see the next one.
const LISTING_MAX = 10

const proxyConfig = (port: number, memcachedPort: number, dir: string): string => `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
swift_dir = ${dir}
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${memcachedPort}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
max_bucket_listing = ${LISTING_MAX}
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = ${SWIFT_SECRET} .admin
[filter:slo]
use = egg:swift#slo
`

const SWIFT_CONFIG = `[swift-hash]
swift_hash_path_prefix = tests
swift_hash_path_suffix = tests
[storage-policy:0]
name = one
default = yes
`

const isHealthy = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/healthcheck`).then(
    ({ ok }) => ok,
    () => false,
  )

export interface SwiftServer {
  /** Stays the same when the server is started again. */
  endpoint: string
  start(): Promise<void>
  /** SIGKILL to all its processes; what was stored stays. */
  kill(): Promise<void>
  /** Ends what runs, and removes its folder. */
  remove(): Promise<void>
}

/**
 * An OpenStack Swift on this machine, which speaks S3: one copy of everything, each of its servers one process on a free
 * port, in a folder of its own. Swift keeps metadata in extended attributes, which the file system must have.
 */
export const createSwiftServer = async (): Promise<SwiftServer> => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-swift-'))
  const [memcachedPort, proxyPort] = [await findFreePort(), await findFreePort()]
  const ports = [proxyPort]
  await mkdir(join(dir, 'disk'))
  await writeFile(join(dir, 'swift.conf'), SWIFT_CONFIG)
  for (const name of SERVICES) {
    const port = await findFreePort()
    ports.push(port)
    await writeFile(join(dir, `${name}-server.conf`), storageConfig(name, port, dir))
    const ring = (...args: string[]) => run('swift-ring-builder', [`${name}.builder`, ...args], { cwd: dir })
    await ring('create', '2', '1', '1')
    await ring('add', `r1z1-127.0.0.1:${port}/disk`, '1')
    await ring('rebalance')
  }
  await writeFile(join(dir, 'proxy-server.conf'), proxyConfig(proxyPort, memcachedPort, dir))

  const endpoint = `http://127.0.0.1:${proxyPort}`
  const logPath = join(dir, 'log')
  let processes: ManagedProcess[] = []
  const launch = (command: string, args: string[]) => startChildProcess({ command, args, logPath })
  const kill = async (): Promise<void> => {
    for (const process of processes) process.kill('SIGKILL')
    await Promise.all(processes.map(({ exited }) => exited))
    processes = []
  }
  return {
    endpoint,
    async start() {
      const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
      const options = ['-l', '127.0.0.1', '-p', String(memcachedPort), '-U', '0', '-m', '16', ...user]
      processes = [await launch('memcached', options)]
      for (const name of [...SERVICES, 'proxy']) {
        processes.push(await launch(`swift-${name}-server`, [join(dir, `${name}-server.conf`), '-v']))
      }
      try {
        for (const port of ports) await waitUntil('Swift answers', () => isHealthy(port), START_MAX_MS)
      } catch (cause) {
        throw new Error(`Swift did not start:\n${await readFile(logPath, 'utf8')}`, { cause })
      }
    },
    kill,
    async remove() {
      await kill()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
