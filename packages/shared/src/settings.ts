import Type from 'typebox'
import { DurationText } from './duration.ts'

/** Settings that both processes have. */
export const SHARED_SETTINGS = {
  REDIS_URL: Type.String({
    default: 'redis://127.0.0.1:6379',
    pattern: '^(rediss?(-sentinel|-cluster)?|unix)://',
    description:
      'Where Redis or Valkey is: redis://, rediss:// (TLS), unix://, redis-sentinel://host:port,host:port/master or redis-cluster://host:port,host:port (docs/redis.md)',
  }),
  REDIS_PREFIX: Type.String({
    default: 'menagerie',
    pattern: '^[^:]+$',
    description: 'What every key begins with; with a cluster it must have a hash tag, such as {menagerie}',
  }),
  CACHE_TTL: DurationText({
    default: '24h',
    description:
      'How long the answer for a picture is remembered and given again for the same bytes; 0 is never',
  }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'The least severe lines that are logged',
  }),
}
