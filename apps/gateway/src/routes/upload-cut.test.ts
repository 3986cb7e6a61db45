/** A client that goes away in the middle of its upload leaves nothing behind, and nobody else notices. */
import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { openRawClient, requestHead } from '../testing/raw-client.ts'
import { expectNothingStored, PICTURE, submit } from '../testing/requests.ts'

const FILE_HEAD = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'

const BODIES: Array<[what: string, contentType: string, start: Buffer]> = [
  ['a form', 'multipart/form-data; boundary=b', Buffer.concat([Buffer.from(FILE_HEAD), PICTURE])],
  ['a form, before its first part', 'multipart/form-data; boundary=b', Buffer.from('--b\r\ncontent-disp')],
  ['a raw picture', 'image/jpeg', PICTURE],
]

const LENGTHS: Array<[how: string, headers: Record<string, string | number>]> = [
  ['with a content-length', { 'content-length': 500_000 }],
  ['chunked', { 'transfer-encoding': 'chunked' }],
]

const expectUnharmed = async (t: TestContext, gateway: TestGateway): Promise<void> => {
  await waitUntil('the gateway has noticed', async () => {
    return gateway.logText().includes('request failed') && (await gateway.countConnections()) === 0
  })
  await expectNothingStored(gateway)
  assert.ok(!gateway.logText().includes('internal_error'), 'a client that leaves is no error of ours')
  await submit(gateway)
  t.diagnostic('the next request was accepted')
}

for (const path of ['/', '/v1/predictions']) {
  for (const [what, contentType, start] of BODIES) {
    for (const [how, headers] of LENGTHS) {
      for (const ending of ['reset', 'closed'] as const) {
        test(`POST ${path}: ${what} ${how} that is cut, connection ${ending}`, async (t) => {
          const gateway = await openTestGateway(t)
          const client = await openRawClient(t, gateway.url)
          client.send(requestHead(path, { 'content-type': contentType, ...headers }))
          const isChunked = 'transfer-encoding' in headers
          client.send(
            isChunked ? Buffer.concat([Buffer.from(`${start.length.toString(16)}\r\n`), start]) : start,
          )
          await waitUntil('the gateway has begun to read', async () => {
            return (await gateway.countConnections()) === 1 && client.socket.writableLength === 0
          })
          if (ending === 'reset') client.socket.resetAndDestroy()
          else client.socket.end()
          await expectUnharmed(t, gateway)
        })
      }
    }
  }
}
