// The images of workers and of gateways are upgraded under load, as docs/operations.md says.
import { docker } from '../docker.ts'
import assert from 'node:assert/strict'
import type { Composition } from '../composition.ts'
import { underLoad } from '../under-load.ts'
import { WORKERS, type Scenario } from '../scenario.ts'

const NEXT = { IMAGE_TAG: 'next', REVISION: 'next' }
const UP = ['up', '--detach', '--no-build', '--no-deps']
const GATEWAYS = 2

const readRevision = (id: string): Promise<string> =>
  docker(['inspect', '--format', '{{index .Config.Labels "org.opencontainers.image.revision"}}', id])

const expectNext = async (composition: Composition, service: string, count: number): Promise<void> => {
  for (const { id } of await composition.waitUntilHealthy(service, count)) {
    assert.equal(await readRevision(id), 'next')
  }
}

/** Work waits in Redis, so all may be replaced at once. */
export const upgradeWorkers = async (scenario: Scenario): Promise<void> => {
  const { composition } = scenario
  await composition.compose(['build', 'worker'], NEXT)
  await underLoad(scenario, 'upgrade_workers', async ({ goOn }) => {
    await composition.compose([...UP, '--scale', `worker=${WORKERS}`, 'worker'], NEXT)
    await expectNext(composition, 'worker', WORKERS)
    await goOn()
  })
}

/** New ones beside the old ones, which then go: somebody answers all the time. */
export const upgradeGateways = async (scenario: Scenario): Promise<void> => {
  const { composition } = scenario
  const scale = (count: number): string[] => [
    ...UP,
    '--no-recreate',
    '--scale',
    `gateway=${count}`,
    'gateway',
  ]
  await composition.compose(scale(GATEWAYS))
  const old = await composition.waitUntilHealthy('gateway', GATEWAYS)
  await composition.compose(['build', 'gateway'], NEXT)
  await underLoad(scenario, 'upgrade_gateways', async ({ goOn }) => {
    await composition.compose(scale(2 * GATEWAYS), NEXT)
    await composition.waitUntilHealthy('gateway', 2 * GATEWAYS)
    await goOn()
    const ids = old.map(({ id }) => id)
    await docker(['stop', '--time', '60', ids])
    await docker(['rm', ids])
    await expectNext(composition, 'gateway', GATEWAYS)
    await goOn()
  })
}
