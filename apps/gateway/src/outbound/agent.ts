import type { LookupAddress } from 'node:dns'
import { Resolver } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import { coerceError } from '@menagerie/shared/coerce-error'
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

const resolver = new Resolver({ timeout: 2000, tries: 2 })

/**
 * Not `dns.lookup`: for as long as a name server is silent, that takes one of the few threads with which this process
 * does everything else that blocks, its own reconnections included.
 */
const lookup: Resolution['lookup'] = (hostname, _options, callback) => {
  const resolve = async (): Promise<void> => {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
    const found = [v4, v6].flatMap((answer, i) =>
      answer.status === 'fulfilled'
        ? answer.value.map((address) => ({ address, family: i === 0 ? 4 : 6 }))
        : [],
    )
    callback(found.length === 0 && v4.status === 'rejected' ? coerceError(v4.reason) : null, found)
  }
  void resolve()
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
