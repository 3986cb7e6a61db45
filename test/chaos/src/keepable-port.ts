import { assertPortFree } from '@menagerie/launcher/free-port'
import { randomInt } from 'node:crypto'

// Below the ports that systems hand out by themselves: one of those could be somebody else's while its owner is down.
const PORT_MIN = 12_000
const PORT_MAX = 30_000

/** A free loopback port that a process can come back to after it was killed. */
export const findKeepablePort = async (): Promise<number> => {
  for (;;) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    const isFree = await assertPortFree(port).then(
      () => true,
      () => false,
    )
    if (isFree) return port
  }
}
