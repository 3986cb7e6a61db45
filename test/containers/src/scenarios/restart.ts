// Valkey is restarted, and killed; a gateway is restarted, and one of two is killed. What was accepted ends well.
import { docker } from '../docker.ts'
import { underLoad } from '../under-load.ts'
import type { Scenario } from '../scenario.ts'

export const restartValkey = (scenario: Scenario): Promise<void> =>
  underLoad(scenario, 'restart_valkey', async ({ goOn }) => {
    const { composition } = scenario
    await composition.compose(['restart', 'redis'])
    await composition.waitUntilHealthy('redis', 1)
    await goOn()
    await composition.compose(['kill', 'redis'])
    await composition.compose(['start', 'redis'])
    await composition.waitUntilHealthy('redis', 1)
    await goOn()
  })

export const restartGateway = (scenario: Scenario): Promise<void> =>
  underLoad(scenario, 'restart_gateway', async ({ goOn }) => {
    const { composition } = scenario
    await composition.compose(['restart', 'gateway'])
    await composition.waitUntilHealthy('gateway', 1)
    await goOn()
    await composition.up({ gateway: 2 })
    const [victim] = await composition.waitUntilHealthy('gateway', 2)
    await goOn()
    // The entry passes clients on to the other one.
    await docker(['kill', victim?.id ?? ''])
    await goOn()
    await composition.up({ gateway: 1 })
    await composition.waitUntilHealthy('gateway', 1)
    await goOn()
  })
