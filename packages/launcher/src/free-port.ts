import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { errorCode } from './error-code.ts'

// Below the ports that systems hand out by themselves: one of those could be somebody else's by the time it is used, or
// while a process that comes back to it is down.
const PORT_MIN = 12_000
const PORT_MAX = 30_000

const listenBriefly = async (port: number): Promise<void> => {
  const server = createServer()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  server.close()
  await once(server, 'close')
}

/** A loopback port that was free a moment ago. */
export const findFreePort = async (): Promise<number> => {
  for (;;) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    const isFree = await listenBriefly(port).then(
      () => true,
      () => false,
    )
    if (isFree) return port
  }
}

/** Rejects when something listens on a loopback port already, or this user may not. */
export const assertPortFree = async (port: number): Promise<void> => {
  try {
    await listenBriefly(port)
  } catch (cause) {
    const reason = errorCode(cause) === 'EADDRINUSE' ? 'another program has it' : errorCode(cause)
    throw new Error(`Port ${port} cannot be used: ${reason}.`, { cause })
  }
}
