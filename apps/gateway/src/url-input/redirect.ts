import { AppError } from '@menagerie/contract/errors'
import type { PictureUrlPolicy } from './url-policy.ts'

const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308])

interface Answer {
  statusCode: number
  headers: Record<string, string | string[] | undefined>
}

/**
 * Where an answer sends us, checked like the URL that the client named; null when it does not.
 *
 * @throws AppError `url_refused`, `url_unreachable`
 */
export const readRedirect = (from: URL, answer: Answer, checkUrl: PictureUrlPolicy): URL | null => {
  const { location } = answer.headers
  if (!REDIRECT_STATUSES.has(answer.statusCode) || typeof location !== 'string') return null
  if (!URL.canParse(location, from.href)) {
    throw new AppError('url_unreachable', 'the URL of the picture redirects to what is no URL')
  }
  const to = new URL(location, from)
  if (from.protocol === 'https:' && to.protocol === 'http:') {
    throw new AppError('url_refused', 'the URL of the picture redirects from https to http')
  }
  return checkUrl(to.href)
}
