import { AppError } from '@menagerie/contract/errors'
import { findUrlFault } from '../outbound/find-url-fault.ts'
import { isPublicAddress } from '../outbound/public-address.ts'

/** @throws AppError `url_refused` */
export type PictureUrlPolicy = (url: string) => URL

/** Whether a picture may be fetched from a URL, also when another URL redirects to it. */
export const createPictureUrlPolicy =
  (options: { isPrivateAllowed: boolean }, isPublic = isPublicAddress): PictureUrlPolicy =>
  (text) => {
    const fault = findUrlFault(text, options, isPublic)
    if (fault !== null) throw new AppError('url_refused', `the URL of the picture ${fault}`)
    return new URL(text)
  }
