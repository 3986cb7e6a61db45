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
  UPLOAD_STORE: Type.Enum(['redis', 'fs', 's3'], {
    default: 'redis',
    description:
      'Where pictures wait for a worker: in Redis, in a folder that gateways and workers share, or in an S3-compatible store (docs/uploads.md); the same for all of them',
  }),
  UPLOAD_DIR: Type.Optional(
    Type.String({
      pattern: '^/',
      description: 'With UPLOAD_STORE=fs: the folder, which must exist; an absolute path',
    }),
  ),
  S3_ENDPOINT: Type.Optional(
    Type.String({
      pattern: '^https?://[^\\s?#@]+$',
      description: 'With UPLOAD_STORE=s3: URL of the server, without the bucket',
    }),
  ),
  S3_BUCKET: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$',
      description: 'With UPLOAD_STORE=s3: the bucket, which must exist; it is named in the path of URLs',
    }),
  ),
  S3_REGION: Type.String({
    default: 'us-east-1',
    pattern: '^[A-Za-z0-9-]+$',
    description: 'With UPLOAD_STORE=s3: the region that requests are signed for',
  }),
  S3_PREFIX: Type.Optional(
    Type.String({
      pattern: '^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*$',
      description:
        'With UPLOAD_STORE=s3: what keys begin with, such as photos/, before REDIS_PREFIX and a slash',
    }),
  ),
  S3_ACCESS_KEY_ID: Type.Optional(
    Type.String({ description: 'With UPLOAD_STORE=s3: the access key, which may list, get, put and delete' }),
  ),
  S3_SECRET_ACCESS_KEY: Type.Optional(
    Type.String({ description: 'With UPLOAD_STORE=s3: the secret of that key' }),
  ),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'The least severe lines that are logged',
  }),
}
