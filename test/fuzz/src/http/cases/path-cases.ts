import type { Random } from '@menagerie/harness/random'
import { CLOSE, HOST, makeHead, METHODS, OPERATOR_KEY, type HeaderLine } from '../base-requests.ts'
import { pickHostile } from '../hostile-text.ts'
import { sendAll, type BuildParts } from '../http-case.ts'

const CLIMBS = [
  '../',
  '..%2f',
  '%2e%2e/',
  '%2e%2e%2f',
  '%252e%252e%252f',
  '..%5c',
  '..\\',
  '.../',
  '....//',
  '..;/',
  '%c0%ae%c0%ae%c0%af',
  '%u002e%u002e/',
  './',
  '//',
  '%00/',
] as const

const PREFIXES = [
  '/',
  '/docs/',
  '/docs/static/',
  '/v1/predictions/',
  '/v1/models/',
  '/v1/batches/',
  '/v2/models/',
] as const
const GOALS = [
  'etc/passwd',
  'proc/self/environ',
  'package.json',
  'openapi.json',
  'livez',
  'dist/main.js',
  '.env',
  '',
] as const

/** Paths that would leave where they are. */
const climb = (random: Random): string =>
  `${random.pick(PREFIXES)}${random.pick(CLIMBS).repeat(random.integer(1, 12))}${random.pick(GOALS)}`

const STRANGE_IDS = [
  '__proto__',
  'constructor',
  'toString',
  'events',
  'meta',
  'id',
  '*',
  ':id',
  '{id}',
  '0',
  '-1',
  'null',
  'undefined',
  '%00',
  '%0d%0a',
  '%ff',
  '%',
  '%E2%80%AE',
  '0199f5c3-7a1e-8b42-9c3d-5e6f70819a2b%00',
  '0199F5C3-7A1E-8B42-9C3D-5E6F70819A2B',
  'a'.repeat(127),
  'a'.repeat(129),
  '💥',
] as const

const encode = (random: Random): string =>
  encodeURIComponent(Buffer.from(pickHostile(random), 'latin1').toString())

const makeId = (random: Random): string => (random.isOneIn(2) ? random.pick(STRANGE_IDS) : encode(random))

const ID_ROUTES: Array<(id: string) => string> = [
  (id) => `/v1/predictions/${id}`,
  (id) => `/v1/predictions/${id}/events`,
  (id) => `/v1/predictions/${id}/cancel`,
  (id) => `/v1/predictions/${id}/deliveries`,
  (id) => `/v1/predictions/${id}/deliveries/${id}/redeliver`,
  (id) => `/v1/dead-letter/${id}`,
  (id) => `/v1/dead-letter/${id}/replay`,
  (id) => `/v1/batches/${id}`,
  (id) => `/v1/batches/${id}/results`,
  (id) => `/v1/models/${id}`,
  (id) => `/v1/queues/${id}`,
  (id) => `/v2/models/${id}/infer`,
  (id) => `/predictions/${id}`,
]

const QUERIES = [
  'wait',
  'top_k',
  'model',
  'limit',
  'after',
  'code',
  'metadata',
  '__proto__',
  'constructor',
  'a[b]',
] as const

const makeQuery = (random: Random): string => {
  const pairs = Array.from({ length: random.pick([1, 1, 2, 5, 1000]) }, () => {
    const value = random.isOneIn(2)
      ? encode(random)
      : random.pick(['-1', '1e9', 'NaN', '[]', '{}', 'true', '%', '1&wait=0'])
    return `${random.pick(QUERIES)}=${value}`
  })
  return `?${pairs.join('&')}`
}

/** Paths, ids and queries that lead where they should not. */
export const wander: BuildParts = (random) => {
  const path = random.isOneIn(2) ? climb(random) : random.pick(ID_ROUTES)(makeId(random))
  const target = random.isOneIn(2) ? path : `${path}${makeQuery(random)}`
  const method = random.pick(METHODS)
  const key: HeaderLine[] = random.isOneIn(4) ? [['Authorization', `Bearer ${OPERATOR_KEY}`]] : []
  return {
    description: `${method} ${target.slice(0, 60)}`,
    steps: sendAll(makeHead(`${method} ${target} HTTP/1.1`, [HOST, ...key, CLOSE])),
    ending: 'half-close',
  }
}
