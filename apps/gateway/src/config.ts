import {
  DurationListText,
  DurationText,
  parseDurationListMs,
  parseDurationMs,
} from '@menagerie/shared/duration'
import { loadEnv } from '@menagerie/shared/env'
import { readRedisSettings } from '@menagerie/shared/redis-settings'
import { SHARED_SETTINGS } from '@menagerie/shared/settings'
import { readUploadSettings } from '@menagerie/shared/upload-store/upload-settings'
import { readTracingSettings, tracingSettings } from '@menagerie/tracing/settings'
import Type from 'typebox'

// A timer of nothing would never rest.
const SWEEP_INTERVAL_MIN_MS = 100

/** Who may read what is about the service as a whole. */
export const ACCESS_LEVELS = ['open', 'tenant', 'operator', 'off'] as const
export type AccessLevel = (typeof ACCESS_LEVELS)[number]

const WEBHOOK_SECRET_PATTERN = 'whsec_[A-Za-z0-9+/]{32,88}={0,2}'

export const GatewaySettings = Type.Object({
  HOST: Type.String({ default: '127.0.0.1', description: 'Address to listen on; 0.0.0.0 in a container' }),
  PORT: Type.Integer({ default: 5000, minimum: 0, maximum: 65_535, description: 'Port to listen on' }),
  ...SHARED_SETTINGS,
  MODEL: Type.String({
    default: 'densenet-121',
    pattern: '^[a-z0-9][a-z0-9.-]*$',
    description: 'Model for requests that name none',
  }),
  PUBLIC_URL: Type.Optional(
    Type.String({
      pattern: '^https?://',
      description: 'Where clients reach the gateway, for the URLs in answers; by default as the request says',
    }),
  ),
  TRUST_PROXY: Type.Optional(
    Type.String({
      description: 'Addresses of proxies whose X-Forwarded-* headers count, e.g. loopback,10.0.0.0/8',
    }),
  ),
  UPLOAD_BYTES_MAX: Type.Integer({
    default: 10 * 1024 * 1024,
    minimum: 1,
    maximum: 512 * 1024 * 1024,
    description: 'Largest picture that is accepted, in bytes',
  }),
  BATCH_BYTES_MAX: Type.Integer({
    default: 256 * 1024 * 1024,
    minimum: 1,
    maximum: 8 * 1024 * 1024 * 1024,
    description: 'Most bytes that the pictures of one batch may have together',
  }),
  REQUEST_TIMEOUT: DurationText({
    default: '2m',
    description: 'How long a request may take to arrive in full; a slower one is answered 408',
  }),
  CORS_ORIGINS: Type.Optional(
    Type.String({
      pattern: String.raw`^(?:\*|https?://[^\s,/]+(?:\s*,\s*https?://[^\s,/]+)*)$`,
      description:
        'Origins whose pages may call the gateway from a browser, e.g. https://app.example.com; * for all. Without it none may',
    }),
  ),
  UPLOADS_IN_FLIGHT_BYTES: Type.Integer({
    default: 256 * 1024 * 1024,
    minimum: 1,
    maximum: 64 * 1024 * 1024 * 1024,
    description:
      'Most bytes of request bodies that one gateway takes in at the same time; what is more is refused',
  }),
  QUEUE_DEPTH_MAX: Type.Integer({
    default: 100_000,
    minimum: 1,
    maximum: 10_000_000,
    description: 'Most predictions in the queue of a model; with several gateways a few more get in',
  }),
  QUEUE_WAIT_MAX: DurationText({
    default: '1h',
    description:
      'How long a prediction may have to wait for its tenant’s turn, by what the workers can do; what would wait longer is refused',
  }),
  SYNC_TIMEOUT: DurationText({
    default: '60s',
    description: 'How long POST / waits for the answer before it replies 504 with the URL of the prediction',
  }),
  DRAIN_DELAY: DurationText({
    default: '0s',
    description:
      'On SIGTERM, how long it goes on to serve while /readyz says 503, so that load balancers take it out before it stops accepting connections: more than the time they take to notice',
  }),
  RESULT_TTL: DurationText({ default: '1h', description: 'How long a finished prediction can be read' }),
  DEAD_LETTER_TTL: DurationText({
    default: '7d',
    description:
      'How long a failed prediction and its picture are kept to be replayed; a picture in Redis only while that is less than half full',
  }),
  SWEEP_INTERVAL: DurationText({
    default: '1m',
    description: 'How often one of the gateways looks for pictures and records that a crash has left',
  }),
  URL_INPUTS: Type.Enum(['0', '1'], {
    default: '0',
    description:
      '1 lets clients name a picture by its https URL, which the gateway then fetches; public addresses only',
  }),
  URL_INPUTS_ALLOW_PRIVATE: Type.Enum(['0', '1'], {
    default: '0',
    description:
      '1 allows pictures from http:// and from private addresses too: for tests and closed networks',
  }),
  URL_INPUTS_TIMEOUT: DurationText({
    default: '10s',
    description: 'How long fetching a picture may take in all',
  }),
  OPERATOR_KEY: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9._~+/-]{16,}=*$',
      description:
        'Bearer token of the calls under /v1/dead-letter, and of what METRICS_ACCESS, QUEUES_ACCESS and DOCS_ACCESS keep for operators: 16 or more letters, digits and ._~+/-. Without it they are refused',
    }),
  ),
  METRICS_ACCESS: Type.Enum([...ACCESS_LEVELS], {
    default: 'open',
    description:
      'Who may read /metrics: open is everybody; tenant who has an API key or the operator key; operator who has the operator key; off nobody',
  }),
  QUEUES_ACCESS: Type.Enum([...ACCESS_LEVELS], {
    default: 'tenant',
    description: 'The same for /v1/queues. Without API keys everybody is a tenant',
  }),
  DOCS_ACCESS: Type.Enum([...ACCESS_LEVELS], {
    default: 'open',
    description: 'The same for /docs and /openapi.json. Browsers send no key, so the page is for open alone',
  }),
  API_KEYS_FILE: Type.Optional(
    Type.String({
      description:
        'JSON file of the tenants, their keys (hashed) and limits, made by `pnpm keys`; read again when it changes. Without it anybody may call (docs/tenants.md)',
    }),
  ),
  MAX_QUEUE_AGE: DurationText({
    default: '24h',
    description: 'A prediction that no worker has started within this time expires',
  }),
  WEBHOOK_SECRET: Type.Optional(
    Type.String({
      pattern: `^${WEBHOOK_SECRET_PATTERN}(?:,${WEBHOOK_SECRET_PATTERN})*$`,
      description:
        'Key that signs webhooks: whsec_ and 24 to 64 bytes in base64. Several with commas between all sign, so that receivers can change from one to the next. Without it webhooks are refused',
    }),
  ),
  WEBHOOK_RETRY_DELAYS: DurationListText({
    default: '5s,1m,5m,30m,2h,6h',
    description:
      'Waits before each further attempt to deliver a webhook, up to a fifth longer at random. A host that is down is left alone for the first of them at first',
  }),
  WEBHOOK_TIMEOUT: DurationText({ default: '15s', description: 'How long a receiver may take to answer' }),
  WEBHOOK_ALLOW_PRIVATE: Type.Enum(['0', '1'], {
    default: '0',
    description: '1 allows webhooks to http:// and to private addresses: for tests and closed networks',
  }),
  ...tracingSettings('menagerie-gateway'),
})

/**
 * The gateway's settings, read once at the start.
 *
 * @throws EnvError
 */
export const loadConfig = (env: Record<string, string | undefined>) => {
  const settings = loadEnv(GatewaySettings, env)
  return {
    listen: { host: settings.HOST, port: settings.PORT },
    redis: readRedisSettings(settings),
    uploads: readUploadSettings(settings),
    logLevel: settings.LOG_LEVEL,
    tracing: readTracingSettings(settings),
    cacheTtlMs: parseDurationMs(settings.CACHE_TTL),
    defaultModel: settings.MODEL,
    publicUrl: settings.PUBLIC_URL?.replace(/\/+$/, '') ?? null,
    trustProxy: settings.TRUST_PROXY?.split(',').map((entry) => entry.trim()) ?? false,
    uploadBytesMax: settings.UPLOAD_BYTES_MAX,
    batchBytesMax: settings.BATCH_BYTES_MAX,
    requestTimeoutMs: parseDurationMs(settings.REQUEST_TIMEOUT),
    corsOrigins: settings.CORS_ORIGINS?.split(',').map((origin) => origin.trim()) ?? [],
    admission: {
      uploadsInFlightBytesMax: settings.UPLOADS_IN_FLIGHT_BYTES,
      depthMax: settings.QUEUE_DEPTH_MAX,
      waitMaxMs: parseDurationMs(settings.QUEUE_WAIT_MAX),
    },
    syncTimeoutMs: parseDurationMs(settings.SYNC_TIMEOUT),
    drainDelayMs: parseDurationMs(settings.DRAIN_DELAY),
    resultTtlMs: parseDurationMs(settings.RESULT_TTL),
    deadLetterTtlMs: parseDurationMs(settings.DEAD_LETTER_TTL),
    sweepIntervalMs: Math.max(SWEEP_INTERVAL_MIN_MS, parseDurationMs(settings.SWEEP_INTERVAL)),
    urlInputs: {
      isEnabled: settings.URL_INPUTS === '1',
      isPrivateAllowed: settings.URL_INPUTS_ALLOW_PRIVATE === '1',
      timeoutMs: parseDurationMs(settings.URL_INPUTS_TIMEOUT),
    },
    operatorKey: settings.OPERATOR_KEY ?? null,
    access: {
      metrics: settings.METRICS_ACCESS,
      queues: settings.QUEUES_ACCESS,
      docs: settings.DOCS_ACCESS,
    },
    apiKeysFile: settings.API_KEYS_FILE ?? null,
    queueAgeMaxMs: parseDurationMs(settings.MAX_QUEUE_AGE),
    webhooks: {
      secrets: settings.WEBHOOK_SECRET?.split(',') ?? [],
      retryDelaysMs: parseDurationListMs(settings.WEBHOOK_RETRY_DELAYS),
      timeoutMs: parseDurationMs(settings.WEBHOOK_TIMEOUT),
      isPrivateAllowed: settings.WEBHOOK_ALLOW_PRIVATE === '1',
    },
  } as const
}
export type GatewayConfig = ReturnType<typeof loadConfig>
