import { lookup, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Agent, buildConnector } from 'undici'
import { isPublicAddress } from './public-address.ts'

class PrivateAddressError extends Error {
  constructor(host: string) {
    super(`${host} is a private address`)
    this.name = 'PrivateAddressError'
  }
}

/** Resolves a name; fails when any of its addresses is private, so that the order of answers does not matter. */
const lookupPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) {
      callback(error, '', 0)
      return
    }
    const [first] = addresses
    if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
      callback(new PrivateAddressError(hostname), '', 0)
      return
    }
    if (options.all === true) callback(null, addresses)
    else callback(null, first.address, first.family)
  })
}

/**
 * An HTTP client that connects to public addresses only. The check sits in the connection itself, on the very
 * address that is dialled, so a name that resolves differently a moment later gains nothing; and on literal
 * addresses too, for which no lookup happens.
 */
export const createWebhookAgent = (options: { isPrivateAllowed: boolean; timeoutMs: number }): Agent => {
  if (options.isPrivateAllowed) return new Agent({ connect: { timeout: options.timeoutMs } })
  const connect = buildConnector({ lookup: lookupPublic, timeout: options.timeoutMs })
  return new Agent({
    connect: (target, callback) => {
      if (isPublicAddress(target.hostname)) connect(target, callback)
      else callback(new PrivateAddressError(target.hostname), null)
    },
  })
}
