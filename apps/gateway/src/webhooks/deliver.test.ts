import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { createOutboundAgent } from '../outbound/agent.ts'
import { createDeliver } from './deliver.ts'

const BODY = '{"type":"prediction.completed","note":"é 犬"}'

const openDeliver = (t: TestContext, timeoutMs = 20_000) => {
  const agent = createOutboundAgent({ isPrivateAllowed: true, timeoutMs })
  atEnd(t, 'agent', () => agent.destroy())
  return createDeliver({ agent, secret: WEBHOOK_SECRET }, { timeoutMs, userAgent: 'Menagerie/test' })
}

const startServer = async (t: TestContext, listener: RequestListener): Promise<string> => {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, 'server', () => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=abc`
}

test('posts the very bytes that are signed, with the headers of Standard Webhooks', async (t) => {
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  await openDeliver(t)({ url: receiver.url, id: 'wh-1', body: BODY })
  const [webhook] = receiver.received
  assert.equal(webhook?.id, 'wh-1')
  assert.equal(webhook.body, BODY)
  assert.equal(webhook.isSignatureValid, true)
})

test('names itself and the type of its body', async (t) => {
  const seen: IncomingMessage[] = []
  const url = await startServer(t, (request, response) => {
    seen.push(request)
    response.end()
  })
  await openDeliver(t)({ url, id: 'wh-1', body: BODY })
  assert.equal(seen[0]?.method, 'POST')
  assert.equal(seen[0].url, '/hook?token=abc')
  assert.equal(seen[0].headers['content-type'], 'application/json')
  assert.equal(seen[0].headers['user-agent'], 'Menagerie/test')
})

test('another secret makes another signature', async (t) => {
  const secret = `whsec_${Buffer.from('another secret of 32 bytes here!').toString('base64')}`
  const receiver = await startWebhookReceiver({ secret })
  atEnd(t, 'receiver', () => receiver.stop())
  await openDeliver(t)({ url: receiver.url, id: 'wh-1', body: BODY })
  assert.equal(receiver.received[0]?.isSignatureValid, false)
})

for (const status of [200, 201, 204, 299]) {
  test(`${status} counts as delivered`, async (t) => {
    const url = await startServer(t, (_request, response) => response.writeHead(status).end())
    await openDeliver(t)({ url, id: 'wh-1', body: BODY })
  })
}

for (const status of [300, 400, 404, 410, 429, 500, 503]) {
  test(`${status} does not count as delivered`, async (t) => {
    const url = await startServer(t, (_request, response) => response.writeHead(status).end())
    await assert.rejects(openDeliver(t)({ url, id: 'wh-1', body: BODY }), new RegExp(`answered ${status}`))
  })
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`a redirect (${status}) is not followed`, async (t) => {
    const target = await startWebhookReceiver()
    atEnd(t, 'target', () => target.stop())
    const url = await startServer(t, (_request, response) =>
      response.writeHead(status, { location: target.url }).end(),
    )
    await assert.rejects(openDeliver(t)({ url, id: 'wh-1', body: BODY }), new RegExp(`answered ${status}`))
    assert.equal(target.received.length, 0)
  })
}

test('an answer of any size is cut', async (t) => {
  const url = await startServer(t, (_request, response) => {
    response.writeHead(200)
    const write = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    }
    response.on('drain', write)
    write()
  })
  await openDeliver(t)({ url, id: 'wh-1', body: BODY }).catch(() => undefined)
})

test('a receiver that is silent for too long counts as failed', async (t) => {
  const url = await startServer(t, () => undefined)
  await assert.rejects(openDeliver(t, 200)({ url, id: 'wh-1', body: BODY }))
})

test('a receiver that is not there counts as failed', async (t) => {
  await assert.rejects(openDeliver(t)({ url: 'http://127.0.0.1:1/', id: 'wh-1', body: BODY }), /ECONNREFUSED/)
})
