// 20 predictions are accepted, and a worker container that is at one of them is killed: another one takes it over.
import { makeJpeg } from '@menagerie/harness/pictures'
import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { createClients } from '../clients.ts'
import { docker } from '../docker.ts'
import { assertNothingLost, summarise, WORKERS, type Scenario } from '../scenario.ts'

const PREDICTIONS = 20
// The moment of a kill cannot be chosen so well that the worker is always at something.
const ROUNDS_MAX = 6
// 24 megapixels take long enough to be caught at.
const SIZE = { width: 6000, height: 4000 }

export const killWorker = async ({ composition, report }: Scenario): Promise<void> => {
  const picture = await makeJpeg(SIZE)
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    const clients = createClients(composition.url, [picture])
    const [victim] = await composition.waitUntilHealthy('worker', WORKERS)
    const ids = await Promise.all(Array.from({ length: PREDICTIONS }, clients.submit))
    let active = 0
    await waitUntil('one of them is being classified', async () => {
      const all = await Promise.all(ids.map((id) => clients.read(id)))
      active = all.filter((prediction) => prediction?.status === 'processing').length
      return active > 0
    })
    await docker(['kill', victim?.id ?? ''])
    const books = await clients.settle()
    report({ round, active, ...summarise(books) })
    assertNothingLost(books)
    await composition.up({ worker: WORKERS })
    // A second start shows that the first one's worker had it when it was killed.
    if (books.repeated > 0) return
  }
  assert.fail(`in ${ROUNDS_MAX} rounds the killed worker was never at a prediction`)
}
