import Type from 'typebox'

/** Settings that both processes have. */
export const SHARED_SETTINGS = {
  REDIS_URL: Type.String({
    default: 'redis://127.0.0.1:6379',
    pattern: '^(redis|rediss|unix)://',
    description: 'Where Redis or Valkey is: redis://, rediss:// or unix://',
  }),
  REDIS_PREFIX: Type.String({
    default: 'menagerie',
    pattern: '^[^:]+$',
    description: 'What every key begins with; on a cluster, a hash tag such as {menagerie}',
  }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'The least severe lines that are logged',
  }),
}
