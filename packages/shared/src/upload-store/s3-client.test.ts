import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { createS3Client } from './s3-client.ts'
import { createS3UploadStore } from './s3-upload-store.ts'
import { createUploadId } from './upload-id.ts'

// How a server behaves that is in trouble; test/e2e/src/upload-stores has one that is well.

const ID = createUploadId({ model: 'm', predictionId: 'p' })

type Answer = (response: ServerResponse, request: IncomingMessage) => void

const answerWith =
  (status: number, body = ''): Answer =>
  (response) =>
    void response.writeHead(status).end(body)

/** A server that gives one answer after the other, the last one again and again. */
const startServer = async (t: TestContext, ...answers: Answer[]) => {
  let requests = 0
  const server = createServer((request, response) => {
    request.resume()
    const answer = answers[Math.min(requests, answers.length - 1)]
    requests += 1
    answer?.(response, request)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const options = {
    endpoint: `http://127.0.0.1:${port}`,
    bucket: 'pictures',
    region: 'us-east-1',
    accessKeyId: 'key',
    secretAccessKey: 'secret',
  }
  return {
    countRequests: () => requests,
    openStore: (timeoutMs?: number) =>
      createS3UploadStore({ send: createS3Client(options, timeoutMs) }, { prefix: 'ours/' }),
  }
}

const isUnavailable = (reason: RegExp) => (error: Error & { code?: string }) => {
  assert.equal(error.code, 'upload_store_unavailable')
  assert.match(String(error.cause), reason)
  return true
}

const SLOW_DOWN = '<Error><Code>SlowDown</Code></Error>'

test('a server that is busy for a moment is asked again', async (t) => {
  const server = await startServer(t, answerWith(503, SLOW_DOWN), answerWith(500), answerWith(200, 'bytes'))
  assert.deepEqual(await server.openStore().get(ID), Buffer.from('bytes'))
  assert.equal(server.countRequests(), 3)
})

test('so is one that closes the connection, also within the answer', async (t) => {
  const server = await startServer(
    t,
    (response) => response.destroy(),
    (response) => {
      response.writeHead(200, { 'content-length': 5 })
      response.write('by', () => response.destroy())
    },
    answerWith(200, 'bytes'),
  )
  assert.deepEqual(await server.openStore().get(ID), Buffer.from('bytes'))
})

test('one that stays busy is reported with what it says', async (t) => {
  const server = await startServer(t, answerWith(503, SLOW_DOWN))
  await assert.rejects(server.openStore().put(ID, Buffer.from('x'), 1000), isUnavailable(/503 SlowDown/))
})

test('what it refuses for good is not asked for again', async (t) => {
  const server = await startServer(t, answerWith(403, '<Error><Code>AccessDenied</Code></Error>'))
  await assert.rejects(server.openStore().get(ID), isUnavailable(/403 AccessDenied/))
  assert.equal(server.countRequests(), 1)
})

test('a 404 that does not name the key is not from the store', async (t) => {
  const server = await startServer(t, answerWith(404, '<html>no such page</html>'))
  await assert.rejects(server.openStore().get(ID), isUnavailable(/404/))
})

test('a redirect is not followed, since the signature is for another host', async (t) => {
  const server = await startServer(t, (response) => {
    response.writeHead(307, { location: 'http://127.0.0.1:9/' }).end()
  })
  await assert.rejects(server.openStore().get(ID), isUnavailable(/307/))
})

test('one that never answers is given up', async (t) => {
  const server = await startServer(t, () => undefined)
  await assert.rejects(server.openStore(200).get(ID), isUnavailable(/Timeout|abort/i))
})

test('one that says that there is more, but not how to get it, is not listed in part', async (t) => {
  const page = `<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>ours/${ID}</Key></Contents></ListBucketResult>`
  const server = await startServer(t, answerWith(200, page))
  await assert.rejects(server.openStore().list()[Symbol.asyncIterator]().next(), isUnavailable(/more keys/))
})
