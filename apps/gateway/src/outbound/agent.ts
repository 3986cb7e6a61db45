import { lookup, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Agent, buildConnector } from 'undici'
import { isPublicAddress } from './public-address.ts'

export class PrivateAddressError extends Error {
  constructor(host: string) {
    super(`${host} is a private address`)
    this.name = 'PrivateAddressError'
  }
}

/** How names become addresses, and which of those may be connected to. */
export interface Resolution {
  lookup: (
    hostname: string,
    options: { all: true },
    callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
  ) => void
  isPublic: (host: string) => boolean
}

const SYSTEM: Resolution = { lookup, isPublic: isPublicAddress }

/** Resolves a name; fails when any of its addresses is private, so that the order of answers does not matter. */
const createPublicLookup =
  ({ lookup: resolve, isPublic }: Resolution): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, '', 0)
        return
      }
      const [first] = addresses
      if (first === undefined || !addresses.every(({ address }) => isPublic(address))) {
        callback(new PrivateAddressError(hostname), '', 0)
        return
      }
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }

/**
 * An HTTP client for URLs that clients name: it connects to public addresses only. The check sits in the connection
 * itself, on the very address that is dialled, so a name that resolves differently a moment later gains nothing; and on
 * literal addresses too, for which no lookup happens.
 */
export const createOutboundAgent = (
  options: { isPrivateAllowed: boolean; timeoutMs: number },
  resolution: Resolution = SYSTEM,
): Agent => {
  if (options.isPrivateAllowed) return new Agent({ connect: { timeout: options.timeoutMs } })
  const connect = buildConnector({ lookup: createPublicLookup(resolution), timeout: options.timeoutMs })
  return new Agent({
    connect: (target, callback) => {
      if (resolution.isPublic(target.hostname)) connect(target, callback)
      else callback(new PrivateAddressError(target.hostname), null)
    },
  })
}
