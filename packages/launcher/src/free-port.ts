import { once } from 'node:events'
import { createServer } from 'node:net'
import { errorCode } from './error-code.ts'

const listenBriefly = async (port: number): Promise<number> => {
  const server = createServer()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : port
}

/** A loopback port that was free a moment ago. */
export const findFreePort = (): Promise<number> => listenBriefly(0)

/** Rejects when something listens on a loopback port already, or this user may not. */
export const assertPortFree = async (port: number): Promise<void> => {
  try {
    await listenBriefly(port)
  } catch (cause) {
    const reason = errorCode(cause) === 'EADDRINUSE' ? 'another program has it' : errorCode(cause)
    throw new Error(`Port ${port} cannot be used: ${reason}.`, { cause })
  }
}
