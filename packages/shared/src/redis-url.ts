import type { RedisOptions } from 'ioredis'

interface Endpoint {
  host: string
  port: number
}

/** What `REDIS_URL` says. */
export type RedisTarget =
  | { kind: 'server'; url: string }
  | {
      kind: 'sentinel' | 'cluster'
      /** The sentinels, or some of the cluster's nodes: the others are found through them. */
      endpoints: Endpoint[]
      /** For connections to the servers that hold the data, and in `sentinel*` to the sentinels. */
      options: Pick<
        RedisOptions,
        'username' | 'password' | 'tls' | 'name' | 'sentinelUsername' | 'sentinelPassword'
      >
    }

const SINGLE_SERVER = /^(?:rediss?|unix):\/\//
const MANY_SERVERS =
  /^redis(?<tls>s?)-(?<kind>sentinel|cluster):\/\/(?:(?<username>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^@/?]+)(?:\/(?<name>[^/?]*))?(?:\?(?<query>.*))?$/
const ENDPOINT = /^(?<host>\[[0-9a-fA-F:.]+\]|[^:[\]\s]+)(?::(?<port>\d{1,5}))?$/
const DEFAULT_PORT = { sentinel: 26_379, cluster: 6379 } as const
const PORT_MAX = 65_535

const parseEndpoint = (text: string, defaultPort: number): Endpoint | null => {
  const { host, port } = ENDPOINT.exec(text)?.groups ?? {}
  const number = port === undefined ? defaultPort : Number(port)
  if (host === undefined || number === 0 || number > PORT_MAX) return null
  return { host: host.replace(/^\[|\]$/g, ''), port: number }
}

const decode = (text: string | undefined): string | undefined =>
  text === undefined || text === '' ? undefined : decodeURIComponent(text)

/** Properties that are not undefined, as `exactOptionalPropertyTypes` wants them. */
const dropUndefined = (value: object) =>
  Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined))

const parseMany = (groups: Record<string, string | undefined>): RedisTarget | null => {
  const kind = groups['kind'] === 'cluster' ? 'cluster' : 'sentinel'
  const endpoints = (groups['hosts'] ?? '').split(',').map((text) => parseEndpoint(text, DEFAULT_PORT[kind]))
  if (!endpoints.every((endpoint) => endpoint !== null)) return null
  const name = decode(groups['name'])
  // A cluster has no name and only database 0; sentinels watch several masters.
  if ((kind === 'sentinel') !== (name !== undefined)) return null
  const query = new URLSearchParams(groups['query'])
  return {
    kind,
    endpoints,
    options: dropUndefined({
      name,
      username: decode(groups['username']),
      password: decode(groups['password']),
      tls: groups['tls'] === 's' ? {} : undefined,
      sentinelUsername: query.get('sentinelUsername') ?? undefined,
      sentinelPassword: query.get('sentinelPassword') ?? undefined,
    }),
  }
}

/** Reads a `REDIS_URL`; null when it is none. docs/redis.md describes the forms. */
export const parseRedisUrl = (text: string): RedisTarget | null => {
  if (SINGLE_SERVER.test(text)) return URL.canParse(text) ? { kind: 'server', url: text } : null
  const { groups } = MANY_SERVERS.exec(text) ?? {}
  if (groups === undefined) return null
  try {
    return parseMany(groups)
  } catch {
    // A user name or password with a stray percent sign.
    return null
  }
}
