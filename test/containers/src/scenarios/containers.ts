// Containers are as closed as docs/security.md says: not root, nothing writable, no capabilities; and each of ours ends with 0
// when it is told to, also as the first process of its container.
import { findFreePort, waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { docker } from '../docker.ts'
import { WORKERS, type Scenario } from '../scenario.ts'

interface Inspected {
  Config: { User: string; Labels: Record<string, string> }
  HostConfig: { ReadonlyRootfs: boolean; CapDrop: string[] | null; SecurityOpt: string[] | null }
}

const inspect = async (id: string): Promise<Inspected> => {
  const [container] = JSON.parse(await docker(['inspect', id])) as [Inspected]
  return container
}

export const checkHardening = async ({ composition }: Scenario): Promise<void> => {
  for (const service of ['redis', 'gateway', 'worker', 'entry']) {
    const [container] = await composition.list(service)
    const { Config, HostConfig } = await inspect(container?.id ?? '')
    assert.match(Config.User, /^(?!root|0)[a-z0-9]+$/, service)
    assert.equal(HostConfig.ReadonlyRootfs, true, service)
    assert.deepEqual(HostConfig.CapDrop, ['ALL'], service)
    assert.deepEqual(HostConfig.SecurityOpt, ['no-new-privileges:true'], service)
    if (service === 'redis') continue
    assert.equal(Config.Labels['org.opencontainers.image.title'], `Menagerie ${service}`)
    assert.ok(Config.Labels['org.opencontainers.image.licenses'])
  }
}

const exitCodeOf = async (id: string): Promise<number> =>
  Number(await docker(['inspect', '--format', '{{.State.ExitCode}}', id]))

/** As orchestrators without an init process run it: what gets SIGTERM is the first process of the container. */
export const checkSignals = async ({ composition, weights }: Scenario): Promise<void> => {
  const network = `${composition.project}_default`
  for (const [service, flags, portSetting] of [
    ['gateway', [], 'PORT'],
    ['worker', ['--env', 'MODEL_DIR=/models', '--env', `MODEL=${weights.model}`], 'PROBE_PORT'],
  ] as const) {
    const port = String(await findFreePort())
    const id = await docker([
      ['run', '--detach', '--read-only', '--cap-drop', 'ALL', '--network', network],
      ['--env', 'REDIS_URL=redis://redis:6379', '--env', `${portSetting}=${port}`],
      ['--env', `ALLOW_STAND_IN=${weights.isTrained ? 0 : 1}`],
      [...flags, '--volume', `${weights.dir}:/models:ro`, `menagerie-test-${service}:local`],
    ])
    try {
      const health = (): Promise<string> => docker(['inspect', '--format', '{{.State.Health.Status}}', id])
      await waitUntil(`${service} is healthy`, async () => (await health()) === 'healthy')
      await docker(['stop', '--time', '60', id])
      assert.equal(await exitCodeOf(id), 0, await docker(['logs', id]))
    } finally {
      await docker(['rm', '--force', id])
    }
  }
  await composition.waitUntilHealthy('worker', WORKERS)
}
