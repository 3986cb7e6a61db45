// docker-compose.yml as compose reads it, with every profile: valid, pinned, hardened, and open to others at its entry alone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { docker, hasCompose } from './docker.ts'

interface Service {
  image?: string
  read_only?: boolean
  cap_drop?: string[]
  security_opt?: string[]
  ports?: { host_ip?: string; target: number }[]
}

const ALWAYS = ['entry', 'gateway', 'model', 'redis', 'worker']
const PROFILES = {
  monitoring: ['grafana', 'prometheus'],
  tracing: ['jaeger'],
  s3: ['s3'],
}

const readServices = async (profiles: string[]): Promise<Record<string, Service>> => {
  const flags = profiles.map((profile) => ['--profile', profile])
  // A file .env in the checkout is somebody's own.
  const args = ['compose', '--env-file', '/dev/null', flags.flat(), 'config', '--format', 'json'].flat()
  return (JSON.parse(await docker(args)) as { services: Record<string, Service> }).services
}

const skip = (await hasCompose()) ? false : 'skipped: no docker compose'

test('profiles add services, and nothing else has them', { skip }, async () => {
  assert.deepEqual(Object.keys(await readServices([])).toSorted(), ALWAYS)
  for (const [profile, services] of Object.entries(PROFILES)) {
    const names = Object.keys(await readServices([profile]))
    assert.deepEqual(names.toSorted(), [...ALWAYS, ...services].toSorted(), profile)
  }
})

test(
  'every service is pinned, hardened, and reached by others only through the entry',
  { skip },
  async () => {
    const services = await readServices(Object.keys(PROFILES))
    for (const [name, { image = '', read_only, cap_drop, security_opt, ports = [] }] of Object.entries(
      services,
    )) {
      assert.match(image, /:(?!latest$)[\w.-]+$/, name)
      assert.equal(read_only, true, name)
      assert.deepEqual(cap_drop, ['ALL'], name)
      assert.deepEqual(security_opt, ['no-new-privileges:true'], name)
      for (const { host_ip: address } of ports) assert.ok(name === 'entry' || address === '127.0.0.1', name)
    }
  },
)
