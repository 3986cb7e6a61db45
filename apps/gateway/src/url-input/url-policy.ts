import { AppError } from '@menagerie/contract/errors'
import { findUrlFault } from '../outbound/find-url-fault.ts'
import { isPublicAddress } from '../outbound/public-address.ts'

// Other ports are where services live that are not meant for the web.
const PORTS = new Set(['', '8443'])

/** @throws AppError `url_refused` */
export type PictureUrlPolicy = (url: string) => URL

/** Whether a picture may be fetched from a URL, also when another URL redirects to it. */
export const createPictureUrlPolicy =
  (options: { isPrivateAllowed: boolean }, isPublic = isPublicAddress): PictureUrlPolicy =>
  (text) => {
    const refuse = (why: string): never => {
      throw new AppError('url_refused', `the URL of the picture ${why}`)
    }
    const fault = findUrlFault(text, options, isPublic)
    if (fault !== null) return refuse(fault)
    const url = new URL(text)
    return options.isPrivateAllowed || PORTS.has(url.port) ? url : refuse('must use port 443 or 8443')
  }
