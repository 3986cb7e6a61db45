// Workers are scaled from 3 to 1 and to 4 under load: those that go finish what they do, or hand it back.
import assert from 'node:assert/strict'
import { underLoad } from '../under-load.ts'
import { WORKERS, type Scenario } from '../scenario.ts'

export const scaleWorkers = (scenario: Scenario): Promise<void> =>
  underLoad(scenario, 'scale', async ({ goOn }) => {
    const { composition } = scenario
    for (const count of [1, 4, WORKERS]) {
      await composition.up({ worker: count })
      const workers = await composition.waitUntilHealthy('worker', count)
      assert.equal(workers.length, count)
      await goOn()
    }
  })
