/** A batch that was noted, though nobody was told so, is taken for what it is when it is sent once more. */
import { waitUntil } from '@menagerie/harness/processes'
import { createKeys } from '@menagerie/shared/keys'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { getResults, makeFiles, submitBatch } from '../testing/batches.ts'
import { startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway } from '../testing/open-test-gateway.ts'

/** Between a gateway and its Redis: the first command with `mark` in it is executed, and its connection lost unanswered. */
const loseReply = async (
  t: TestContext,
  redisUrl: string,
  options: { mark: string; isExecuted: () => Promise<boolean> },
) => {
  const { hostname, port } = new URL(redisUrl)
  let losses = 0
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    let isSilent = false
    const end = (): void => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end)
    upstream.on('data', (reply: Buffer) => {
      if (!isSilent) client.write(reply)
    })
    client.on('data', (sent: Buffer) => {
      upstream.write(sent)
      if (losses > 0 || !sent.includes(options.mark)) return
      losses += 1
      isSilent = true
      void waitUntil('the command was executed', options.isExecuted).finally(end)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, 'proxy', () => {
    server.close()
  })
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    countLosses: () => losses,
  }
}

for (const [title, headers] of [
  ['without a key', {}],
  ['with a key', { 'idempotency-key': 'a key' }],
] as const) {
  test(`when only the reply to the note of a batch is lost, its pictures stay (${title})`, async (t) => {
    const prefix = `test-${randomUUID()}`
    const other = await openTestGateway(t, { REDIS_PREFIX: prefix, SWEEP_INTERVAL: '1h' })
    const { batchIndex } = createKeys(prefix)
    const proxy = await loseReply(t, other.redisUrl, {
      mark: "redis.call('ZADD', KEYS[4]",
      isExecuted: async () => (await other.redis.zcard(batchIndex)) === 1,
    })
    const gateway = await openTestGateway(t, { ...other.env, REDIS_URL: proxy.url })
    const { id } = await submitBatch(gateway, makeFiles(3), { headers })
    assert.equal(proxy.countLosses(), 1)
    assert.equal((await other.listUploads()).length, 3)
    assert.equal(await other.queue.count(), 3)
    await startFakeWorker(t, other)
    assert.deepEqual(
      (await getResults(other, id)).map(({ status }) => status),
      ['succeeded', 'succeeded', 'succeeded'],
    )
  })
}
