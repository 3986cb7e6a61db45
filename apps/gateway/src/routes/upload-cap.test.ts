/**
 * A picture over the cap is refused as soon as that is known, and its connection is not held open, whatever the
 * client does: these clients speak byte for byte, because an HTTP library would hide what happens.
 */
import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { openRawClient, requestHead } from '../testing/raw-client.ts'
import { expectNothingStored, expectProblem, PICTURE, postBody, postForm } from '../testing/requests.ts'

const BYTES_MAX = 100_000
const FORM_TYPE = 'multipart/form-data; boundary=b'
const FILE_HEAD = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'

type RawClient = Awaited<ReturnType<typeof openRawClient>>

const openSmallGateway = (t: TestContext) => openTestGateway(t, { UPLOAD_BYTES_MAX: String(BYTES_MAX) })

const chunk = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])

const expectRefusal = async (gateway: TestGateway, client: RawClient): Promise<void> => {
  await waitUntil('the server has closed the connection', async () => {
    return client.hasEnded() && (await gateway.countConnections()) === 0
  })
  assert.equal(client.status(), 413)
  assert.match(client.text(), /connection: close/i)
  assert.match(client.text(), /"code":"payload_too_large"/)
  assert.match(client.text(), /at most 100000 bytes/)
  await expectNothingStored(gateway)
}

/** Sends until the server has ended the connection, as a client does that does not look at answers. */
const sendOn = async (client: RawClient, bytes: Buffer): Promise<void> => {
  await waitUntil('the server has closed the connection', () => {
    if (client.socket.writableLength < 1_000_000) client.send(bytes)
    return client.socket.destroyed
  })
}

for (const path of ['/', '/v1/predictions']) {
  for (const [kind, contentType, length] of [
    ['raw', 'image/jpeg', BYTES_MAX + 1],
    ['multipart', FORM_TYPE, BYTES_MAX + 10_000_000],
  ] as const) {
    const head = requestHead(path, { 'content-type': contentType, 'content-length': length })

    test(`POST ${path}, ${kind}: a declared length over the cap is refused while the client idles`, async (t) => {
      const gateway = await openSmallGateway(t)
      const client = await openRawClient(t, gateway.url)
      client.send(head)
      await expectRefusal(gateway, client)
    })

    test(`POST ${path}, ${kind}: a declared length over the cap is refused while the client sends on`, async (t) => {
      const gateway = await openSmallGateway(t)
      const client = await openRawClient(t, gateway.url)
      client.send(head)
      await sendOn(client, Buffer.alloc(16_384, 1))
      await expectRefusal(gateway, client)
    })
  }

  for (const [kind, contentType, start] of [
    ['raw', 'image/jpeg', PICTURE],
    ['multipart', FORM_TYPE, Buffer.concat([Buffer.from(FILE_HEAD), PICTURE])],
  ] as const) {
    const head = requestHead(path, { 'content-type': contentType, 'transfer-encoding': 'chunked' })

    test(`POST ${path}, chunked ${kind}: is refused at the cap while the client idles`, async (t) => {
      const gateway = await openSmallGateway(t)
      const client = await openRawClient(t, gateway.url)
      client.send(head)
      client.send(chunk(start))
      client.send(chunk(Buffer.alloc(BYTES_MAX, 1)))
      await expectRefusal(gateway, client)
    })

    test(`POST ${path}, chunked ${kind}: is refused at the cap while the client sends on`, async (t) => {
      const gateway = await openSmallGateway(t)
      const client = await openRawClient(t, gateway.url)
      client.send(head)
      client.send(chunk(start))
      await sendOn(client, chunk(Buffer.alloc(16_384, 1)))
      await expectRefusal(gateway, client)
    })
  }
}

test('text is refused at its first bytes, and the connection is not held open', async (t) => {
  const gateway = await openSmallGateway(t)
  const client = await openRawClient(t, gateway.url)
  client.send(requestHead('/', { 'content-type': 'image/jpeg', 'content-length': 50_000 }))
  client.send('This is a text, and its author believes that it is a JPEG.')
  await waitUntil('the server has closed the connection', async () => {
    return client.hasEnded() && (await gateway.countConnections()) === 0
  })
  assert.equal(client.status(), 415)
  assert.match(client.text(), /"code":"image_type_unsupported"/)
})

test('a content type that is not taken is refused without waiting for the body', async (t) => {
  const gateway = await openSmallGateway(t)
  const client = await openRawClient(t, gateway.url)
  client.send(requestHead('/', { 'content-type': 'application/json', 'content-length': 50_000 }))
  await waitUntil('the server has closed the connection', async () => {
    return client.hasEnded() && (await gateway.countConnections()) === 0
  })
  assert.equal(client.status(), 415)
  assert.match(client.text(), /"code":"media_type_unsupported"/)
})

test('a client that waits for 100 Continue gets the refusal', async (t) => {
  const gateway = await openSmallGateway(t)
  const client = await openRawClient(t, gateway.url)
  client.send(
    requestHead('/', { 'content-type': 'image/jpeg', 'content-length': 10_000_000, expect: '100-continue' }),
  )
  await waitUntil('the answer is there', () => client.text().includes('"payload_too_large"'))
  assert.match(client.text(), /HTTP\/1\.1 413 /)
})

test('a picture of exactly the cap is taken, one byte more is not', async (t) => {
  const gateway = await openSmallGateway(t)
  const exact = Buffer.concat([PICTURE, Buffer.alloc(BYTES_MAX - PICTURE.length)])
  const over = Buffer.concat([exact, Buffer.alloc(1)])
  const path = '/v1/predictions'
  const postFile = (bytes: Buffer) => {
    const form = new FormData()
    form.set('file', new Blob([new Uint8Array(bytes)]), 'a.jpg')
    return fetch(`${gateway.url}${path}`, { method: 'POST', body: form })
  }
  assert.equal((await postBody(gateway, path, 'image/jpeg', exact)).status, 202)
  assert.equal((await postFile(exact)).status, 202)
  await expectProblem(await postBody(gateway, path, 'image/jpeg', over), 'payload_too_large')
  await expectProblem(await postFile(over), 'payload_too_large')
  assert.equal((await gateway.listUploads()).length, 2)
})

test('after a refusal the next request is served', async (t) => {
  const gateway = await openSmallGateway(t)
  const big = Buffer.concat([PICTURE, Buffer.alloc(BYTES_MAX * 3)])
  await expectProblem(await postBody(gateway, '/', 'image/jpeg', big), 'payload_too_large')
  assert.equal((await postForm(gateway)).status, 202)
})
