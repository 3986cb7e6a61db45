import { EnvError } from './env.ts'
import { parseRedisUrl } from './redis-url.ts'

// What Redis hashes in place of the whole key.
const HASH_TAG = /^[^{]*\{[^}]+\}/

/**
 * Where Redis is and what the keys begin with, if the two go together.
 *
 * @throws EnvError
 */
export const readRedisSettings = (settings: { REDIS_URL: string; REDIS_PREFIX: string }) => {
  const { REDIS_URL: url, REDIS_PREFIX: prefix } = settings
  const target = parseRedisUrl(url)
  if (target === null) {
    throw new EnvError([
      'REDIS_URL must be redis://user:password@host:port/db, rediss:// with TLS, unix:///path, ' +
        'redis-sentinel://user:password@host:port,host:port/master or ' +
        'redis-cluster://user:password@host:port,host:port (rediss-sentinel:// and rediss-cluster:// with TLS); ' +
        'special characters in user and password as %XX',
    ])
  }
  if (target.kind === 'cluster' && !HASH_TAG.test(prefix)) {
    throw new EnvError([
      'REDIS_PREFIX must have a hash tag, such as {menagerie}, when REDIS_URL is a cluster: ' +
        'the keys of a prediction must lie on one node',
    ])
  }
  return { url, prefix }
}
