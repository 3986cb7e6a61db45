// A collector that is away, refuses or hangs costs spans, and nothing else: predictions go on, the log says so once, and
// gateway and worker still end in time, with 0.
import { startOtlpReceiver } from '@menagerie/harness/otlp-receiver'
import { readTestPicture } from '@menagerie/harness/pictures'
import { findFreePort, waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startService } from '../service.ts'
import { ask, makeTraceparent } from './traced-service.ts'

const WARNING = 'traces cannot be sent'
const countWarnings = (log: string): number => log.split(WARNING).length - 1

const startWith = async (t: TestContext, endpoint: string) => {
  const service = await startService(t, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })
  const worker = await service.startWorker({ INFERENCE_THREADS: '1' })
  const picture = await readTestPicture()
  return {
    gateway: service.gateway,
    predict: async (): Promise<void> => {
      const answer = await ask(service.gateway.url, picture, makeTraceparent())
      assert.equal(answer.status, 200, await answer.text())
    },
    stop: async (): Promise<void> => {
      assert.equal(await worker.stop(), 0, worker.log())
      assert.equal(await service.gateway.stop(), 0, service.gateway.log())
    },
  }
}

test('a collector that is not there', async (t) => {
  const { predict, stop } = await startWith(t, `http://127.0.0.1:${await findFreePort()}`)
  for (let i = 0; i < 3; i++) await predict()
  await stop()
})

test('a collector that takes nothing for a while', async (t) => {
  let status = 400
  const collector = await startOtlpReceiver({ answer: () => status })
  t.after(() => collector.stop())
  const { gateway, predict, stop } = await startWith(t, collector.url)

  await predict()
  await waitUntil('the gateway has said so', () => countWarnings(gateway.log()) > 0)
  const seen = collector.requests.length
  await predict()
  await waitUntil('it was sent more', () => collector.requests.length >= seen + 2)
  assert.equal(countWarnings(gateway.log()), 1)
  status = 200
  await predict()
  await waitUntil('the gateway has said that it is over', () =>
    gateway.log().includes('traces are sent again'),
  )
  await stop()
})

test('a collector that never answers', async (t) => {
  const collector = await startOtlpReceiver({ answer: () => null })
  t.after(() => collector.stop())
  const { predict, stop } = await startWith(t, collector.url)
  for (let i = 0; i < 3; i++) await predict()
  await waitUntil('spans were sent', () => collector.requests.length > 0)
  await stop()
})
