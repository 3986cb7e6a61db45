// The image of the workers is upgraded under load.
import { docker } from '../docker.ts'
import assert from 'node:assert/strict'
import { underLoad } from '../under-load.ts'
import { WORKERS, type Scenario } from '../scenario.ts'

const NEXT = { IMAGE_TAG: 'next', REVISION: 'next' }

export const upgradeWorkers = async (scenario: Scenario): Promise<void> => {
  const { composition } = scenario
  await composition.compose(['build', 'worker'], NEXT)
  await underLoad(scenario, 'upgrade', async ({ goOn }) => {
    const args = ['up', '--detach', '--no-build', '--no-deps', '--scale', `worker=${WORKERS}`, 'worker']
    await composition.compose(args, NEXT)
    const workers = await composition.waitUntilHealthy('worker', WORKERS)
    const template = '{{index .Config.Labels "org.opencontainers.image.revision"}}'
    for (const { id } of workers) assert.equal(await docker(['inspect', '--format', template, id]), 'next')
    await goOn()
  })
}
