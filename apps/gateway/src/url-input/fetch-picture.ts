import { AppError } from '@menagerie/contract/errors'
import { IMAGE_TYPES } from '@menagerie/contract/image-type'
import { request, type Dispatcher } from 'undici'
import { PrivateAddressError } from '../outbound/agent.ts'
import { createTooLargeError, receiveUpload, type ReceivedUpload } from '../receive-upload.ts'
import { namePicture } from './name-picture.ts'
import { readRedirect } from './redirect.ts'
import type { PictureUrlPolicy } from './url-policy.ts'

export interface FetchPictureOptions {
  bytesMax: number
  /** For everything together: redirects, headers and the last byte of the picture. */
  timeoutMs: number
  userAgent: string
}

/**
 * Fetches a picture that a client names by its URL.
 *
 * @param signal fires when nobody waits for it any more
 * @throws AppError `url_refused`, `url_unreachable`, and what `receiveUpload` throws
 */
export type FetchPicture = (url: string, signal: AbortSignal) => Promise<ReceivedUpload>

const REDIRECTS_MAX = 3

/**
 * Not reasons from below: they would tell a client what there is in our network.
 */
const explain = (error: unknown, timeout: AbortSignal): AppError => {
  if (error instanceof AppError) return error
  if (error instanceof PrivateAddressError) {
    return new AppError('url_refused', 'the URL of the picture leads to a private address', { cause: error })
  }
  const why = timeout.aborted ? 'it did not arrive in time' : 'its host cannot be reached or broke off'
  return new AppError('url_unreachable', `the picture cannot be fetched: ${why}`, { cause: error })
}

/** No cookies, no credentials, no referrer, and no compression, behind which a small answer could be a huge one. */
export const createFetchPicture = (
  deps: { agent: Dispatcher; checkUrl: PictureUrlPolicy },
  options: FetchPictureOptions,
): FetchPicture => {
  const headers = {
    accept: IMAGE_TYPES.join(', '),
    'accept-encoding': 'identity',
    'user-agent': options.userAgent,
  }

  const get = async (url: URL, signal: AbortSignal) => {
    const answer = await request(url, { dispatcher: deps.agent, headers, signal, reset: true })
    // Who stops reading makes it fail, and has no use for hearing of it.
    answer.body.on('error', () => undefined)
    return answer
  }

  const follow = async (first: URL, signal: AbortSignal): Promise<Dispatcher.ResponseData> => {
    let url = first
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      const answer = await get(url, signal)
      try {
        const target = readRedirect(url, answer, deps.checkUrl)
        if (target === null) return answer
        url = target
      } catch (error) {
        answer.body.destroy()
        throw error
      }
      answer.body.destroy()
    }
    throw new AppError('url_unreachable', `the URL of the picture redirects more than ${REDIRECTS_MAX} times`)
  }

  const receive = async ({ statusCode, headers: described, body }: Dispatcher.ResponseData, url: URL) => {
    try {
      if (statusCode !== 200) {
        throw new AppError('url_unreachable', `the URL of the picture answered with status ${statusCode}`)
      }
      if (Number(described['content-length']) > options.bytesMax) throw createTooLargeError(options.bytesMax)
      return await receiveUpload(body, { bytesMax: options.bytesMax, filename: namePicture(url) })
    } finally {
      body.destroy()
    }
  }

  return async (text, signal) => {
    const url = deps.checkUrl(text)
    const timeout = AbortSignal.timeout(options.timeoutMs)
    const either = AbortSignal.any([timeout, signal])
    try {
      return await receive(await follow(url, either), url)
    } catch (error) {
      throw explain(error, timeout)
    }
  }
}
