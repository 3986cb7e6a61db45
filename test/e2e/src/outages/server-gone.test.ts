/**
 * Guarantee: while Redis is not there, or does not answer, a gateway answers 503 with Retry-After and a worker waits;
 * both say so on /readyz, neither floods its log, and both go on by themselves with all that was accepted.
 */
import { test } from 'node:test'
import { countListeners, makeOwnServer } from './own-server.ts'
import { openScene } from './scene.ts'

test('a server that is gone', async (t) => {
  const server = await makeOwnServer(t)
  const scene = await openScene(
    t,
    { REDIS_URL: server.url },
    { mustBeReady: false, countListeners: () => countListeners(server.admin) },
  )

  await t.test('when they start, and comes later', async () => {
    await scene.endure('queue_unavailable')
    await server.start()
    await scene.expectRecovery([])
  })

  await t.test('with kill -9, and comes back', () =>
    scene.goThrough({ begin: server.kill, end: () => server.start() }),
  )

  await t.test('because it hangs, and goes on', () =>
    scene.goThrough({ begin: () => server.signal('SIGSTOP'), end: () => server.signal('SIGCONT') }),
  )
})
