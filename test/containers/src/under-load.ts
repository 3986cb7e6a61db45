import { waitUntil } from '@menagerie/harness/processes'
import { assertNothingLost, summarise, type Scenario } from './scenario.ts'

const LANES = 6
// After each step, so that it is seen that the service goes on.
const ENDS_BETWEEN = 20
const GO_ON_TIMEOUT_MS = 120_000

/** Does something to the containers while clients send pictures, then holds the service to all that it has accepted. */
export const underLoad = async (
  { clients, report }: Pick<Scenario, 'clients' | 'report'>,
  name: string,
  disturb: (load: { goOn: () => Promise<void> }) => Promise<void>,
): Promise<void> => {
  const lanes = clients.startLanes(LANES)
  const goOn = async (): Promise<void> => {
    const before = lanes.countEnded()
    const isGoingOn = (): boolean => lanes.countEnded() >= before + ENDS_BETWEEN
    await waitUntil('predictions end', isGoingOn, GO_ON_TIMEOUT_MS)
  }
  try {
    await goOn()
    await disturb({ goOn })
  } finally {
    await lanes.stop()
  }
  const books = await clients.settle()
  report({ scenario: name, ...summarise(books) })
  assertNothingLost(books)
}
