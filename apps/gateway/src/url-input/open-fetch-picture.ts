import type { Releasers } from '@menagerie/shared/releasers'
import { createOutboundAgent } from '../outbound/agent.ts'
import { createFetchPicture, type FetchPicture, type FetchPictureOptions } from './fetch-picture.ts'
import { createPictureUrlPolicy } from './url-policy.ts'

/** `createFetchPicture` with connections of its own. */
export const openFetchPicture = (
  deps: { releasers: Releasers },
  options: FetchPictureOptions & { isPrivateAllowed: boolean },
): FetchPicture => {
  const agent = createOutboundAgent(options)
  deps.releasers.push('picture agent', () => agent.destroy())
  return createFetchPicture({ agent, checkUrl: createPictureUrlPolicy(options) }, options)
}
