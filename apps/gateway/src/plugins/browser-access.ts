import cors from '@fastify/cors'
import fp from 'fastify-plugin'

// What scripts may read beside the few headers that browsers show them anyway.
const EXPOSED_HEADERS = [
  'location',
  'retry-after',
  'preference-applied',
  'etag',
  'ratelimit',
  'ratelimit-policy',
  'menagerie-trained',
  'menagerie-confident',
  'inference-header-content-length',
]
const PREFLIGHT_MAX_AGE_S = 600

/** Lets pages of these origins call the gateway (CORS); without any, browsers keep answers from the pages of others. */
export const browserAccess = fp<{ origins: string[] }>(
  async (app, { origins }) => {
    if (origins.length === 0) return
    await app.register(cors, {
      origin: origins.includes('*') ? '*' : origins,
      methods: ['GET', 'POST', 'PUT', 'DELETE'],
      exposedHeaders: EXPOSED_HEADERS,
      maxAge: PREFLIGHT_MAX_AGE_S,
    })
  },
  { name: 'browser-access' },
)
