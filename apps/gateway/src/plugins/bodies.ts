import multipart from '@fastify/multipart'
import fp from 'fastify-plugin'

/** Request bodies: multipart forms and raw images, both as streams. Anything else is 415. */
export const bodies = fp(
  async (app) => {
    app.removeAllContentTypeParsers()
    await app.register(multipart, {
      limits: {
        // The size of the file is counted where it is received; this plugin would cut it silently.
        fileSize: Number.MAX_SAFE_INTEGER,
        files: 1,
        fields: 16,
        parts: 17,
        fieldSize: 8 * 1024,
        headerPairs: 32,
      },
    })
    app.addContentTypeParser(/^image\//, (_request, payload, done) => done(null, payload))
  },
  { name: 'bodies' },
)
