import ipaddr from 'ipaddr.js'

/** Whether only this machine reaches what listens on this address. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || (ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback')
