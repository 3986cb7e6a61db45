import type { Logger } from 'pino'
import { coerceError } from './coerce-error.ts'
import { listServers, type RedisConnection } from './redis.ts'

/** Settings of a server that the promise "no accepted job is lost" rests on. */
const NEEDED = {
  appendonly: 'yes',
  // everysec lost 158 of 28,807 acknowledged writes over five kill -9 of Redis, always lost none.
  appendfsync: 'always',
  // With yes, nothing is synced while the file is rewritten or a snapshot is written, whatever appendfsync says.
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
} as const

/** What BullMQ asks for. */
const VERSION_MIN = [6, 2] as const

type Server = Pick<RedisConnection, 'config' | 'info'>

interface Finding {
  details: Record<string, unknown>
  message: string
}

const readField = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1]

const isTooOld = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1])
}

const checkServer = async (server: Server): Promise<Finding[]> => {
  const findings: Finding[] = []
  // Valkey says 7.2.4 there for programs that know only Redis.
  const version = readField(await server.info('server'), 'redis_version')
  if (version !== undefined && isTooOld(version)) {
    const needed = VERSION_MIN.join('.')
    findings.push({
      details: { actual: version, needed },
      message: 'redis is too old: the queue may not work',
    })
  }
  if (readField(await server.info('replication'), 'role') === 'slave') {
    const message = 'redis is a replica and takes no writes; REDIS_URL must lead to the master'
    findings.push({ details: {}, message })
  }
  for (const [setting, needed] of Object.entries(NEEDED)) {
    const [, actual] = await server.config('GET', setting)
    if (actual === needed) continue
    const message = 'redis may lose accepted predictions when it crashes or fills up'
    findings.push({ details: { setting, actual: actual ?? null, needed }, message })
  }
  return findings
}

/** Null when the connection was lost on the way. */
const check = async (redis: RedisConnection): Promise<Finding[] | null> => {
  try {
    return (await Promise.all(listServers(redis).map(checkServer))).flat()
  } catch (err) {
    if (coerceError(err).name !== 'ReplyError') return null
    const settings = Object.entries(NEEDED).map(([setting, needed]) => `${setting} ${needed}`)
    const message = `redis does not show its settings; they must be ${settings.join(', ')} there`
    return [{ details: { err }, message }]
  }
}

/**
 * Returns a function that logs what of the Redis server, or of any master of the cluster, is too weak to keep the
 * promise; says so when it cannot look. What has been said is said again only when something else is found: it runs
 * whenever a connection is ready, which in some outages is several times a second.
 */
export const createDurabilityCheck = (deps: { redis: RedisConnection; log: Logger }) => {
  let said = ''
  return async (): Promise<void> => {
    const findings = await check(deps.redis)
    if (findings === null) return
    const text = findings
      .map(({ details, message }) => JSON.stringify({ ...details, err: null, message }))
      .join()
    if (text === said) return
    said = text
    for (const { details, message } of findings) deps.log.warn(details, message)
  }
}
