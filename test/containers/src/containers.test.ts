// docker-compose.yml on a real engine: three workers behind the published port, through everything that operators do to
// them. Prints its figures; skips where no engine answers.
import { readTestPicture } from '@menagerie/harness/pictures'
import { Releasers } from '@menagerie/shared/releasers'
import { test, type TestContext } from 'node:test'
import { createClients } from './clients.ts'
import { createComposition, type Composition } from './composition.ts'
import { hasEngine, NO_ENGINE } from './docker.ts'
import { WORKERS, type Scenario } from './scenario.ts'
import { runBakedWorker } from './scenarios/baked.ts'
import { checkHardening, checkSignals } from './scenarios/containers.ts'
import { killWorker } from './scenarios/kill-worker.ts'
import { classifyLargest, classifyPhotos } from './scenarios/photos.ts'
import { restartGateway, restartValkey } from './scenarios/restart.ts'
import { scaleWorkers } from './scenarios/scale.ts'
import { upgradeGateways, upgradeWorkers } from './scenarios/upgrade.ts'
import { findWeights } from './weights.ts'

const SCENARIOS: [string, (scenario: Scenario) => Promise<void>][] = [
  ['photos through the published port', classifyPhotos],
  ['what containers may do', checkHardening],
  ['a picture as large as they come, on a read-only file system', classifyLargest],
  ['signals without an init process', checkSignals],
  ['a worker is killed', killWorker],
  ['workers are scaled 3 → 1 → 4', scaleWorkers],
  ['Valkey is restarted and killed', restartValkey],
  ['a gateway is restarted, and one of two killed', restartGateway],
  ['the worker image is upgraded', upgradeWorkers],
  ['the gateway image is upgraded, one by one', upgradeGateways],
  ['weights inside of the image', runBakedWorker],
]

const start = async (composition: Composition): Promise<void> => {
  await composition.build()
  await composition.up({ worker: WORKERS })
  await composition.waitUntilHealthy('worker', WORKERS)
  await composition.waitUntilReady()
}

test('containers', { skip: (await hasEngine()) ? false : NO_ENGINE }, async (t: TestContext) => {
  const releasers = new Releasers()
  t.after(() => releasers.close())
  const weights = await findWeights()
  releasers.push('weights', weights.remove)
  const composition = await createComposition(weights)
  releasers.push('composition', composition.down)
  const clients = createClients(composition.url, [await readTestPicture()])
  const report = (figures: Record<string, unknown>): void => t.diagnostic(JSON.stringify(figures))
  await start(composition)
  for (const [name, run] of SCENARIOS) {
    const isFine = await t
      .test(name, () => run({ composition, clients, weights, report }))
      .then(
        () => true,
        () => false,
      )
    if (!isFine) report({ failed: name, logs: await composition.logs() })
  }
})
