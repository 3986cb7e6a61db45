import { isPublicAddress } from './public-address.ts'

// Other ports are where services live that are not meant for the web.
const PORTS = new Set(['', '8443'])

/**
 * What makes a URL that a client names unfit to be called, as far as the text alone shows it; null when nothing does.
 * Names are resolved and checked when they are called ([agent.ts](agent.ts)).
 */
export const findUrlFault = (
  text: string,
  options: { isPrivateAllowed: boolean },
  isPublic: (host: string) => boolean = isPublicAddress,
): string | null => {
  if (!URL.canParse(text)) return 'is not a URL'
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return 'must not carry a user name or password'
  if (options.isPrivateAllowed) {
    return url.protocol === 'https:' || url.protocol === 'http:' ? null : 'must be http or https'
  }
  if (url.protocol !== 'https:') return 'must be https'
  if (!PORTS.has(url.port)) return 'must use port 443 or 8443'
  // URL has turned every spelling of an IPv4 address (hex, octal, one number) into the dotted one.
  return isPublic(url.hostname) ? null : 'must not point to a private address'
}
