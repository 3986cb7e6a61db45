import ipaddr from 'ipaddr.js'

// ipaddr.js counts as unicast what no range of its list has, also ::127.0.0.1.
const PUBLIC_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3')

// RFC 6761: these names are loopback wherever they are resolved.
const LOCAL_NAME = /(?:^|\.)localhost\.?$/i

/**
 * False for a literal address that is not on the public internet: loopback, private, link-local, carrier-grade
 * NAT, multicast, reserved, and their IPv4-mapped, NAT64 and 6to4 forms. True for a name.
 */
export const isPublicAddress = (host: string): boolean => {
  const address = host.replace(/^\[(.*)\]$/, '$1')
  if (!ipaddr.isValid(address)) return !LOCAL_NAME.test(address)
  const parsed = ipaddr.process(address)
  return parsed.range() === 'unicast' && (parsed instanceof ipaddr.IPv4 || parsed.match(...PUBLIC_IPV6))
}
