import fp from 'fastify-plugin'

const HEADERS = {
  // A browser must not take an answer for anything but what it says it is.
  'x-content-type-options': 'nosniff',
  // Answers are data. Were one shown as a page, it could run and load nothing, and be framed by nobody.
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  // Ids of predictions are in URLs, and let their bearer read them.
  'referrer-policy': 'no-referrer',
}

/** Headers that every answer has; /docs, the one page, sets a content security policy of its own. */
export const securityHeaders = fp(
  (app, _options, done) => {
    app.addHook('onRequest', (_request, reply, next) => {
      reply.headers(HEADERS)
      next()
    })
    done()
  },
  { name: 'security-headers' },
)
