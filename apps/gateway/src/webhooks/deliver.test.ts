import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { NO_TRACING } from '@menagerie/tracing/no-tracing'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { createOutboundAgent } from '../outbound/agent.ts'
import { createDeliver, isDelivered } from './deliver.ts'

const BODY = '{"type":"prediction.completed","note":"é 犬"}'

const OTHER_SECRET = `whsec_${Buffer.from('another secret of 32 bytes here!').toString('base64')}`
const WEBHOOK = { id: 'wh-1', body: BODY, secrets: [WEBHOOK_SECRET], trace: undefined }

const openDeliver = (t: TestContext, timeoutMs = 20_000) => {
  const agent = createOutboundAgent({ isPrivateAllowed: true, timeoutMs })
  atEnd(t, 'agent', () => agent.destroy())
  return createDeliver({ agent, tracer: NO_TRACING }, { timeoutMs, userAgent: 'Menagerie/test' })
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
  await openDeliver(t)({ url: receiver.url, ...WEBHOOK })
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
  await openDeliver(t)({ url, ...WEBHOOK })
  assert.equal(seen[0]?.method, 'POST')
  assert.equal(seen[0].url, '/hook?token=abc')
  assert.equal(seen[0].headers['content-type'], 'application/json')
  assert.equal(seen[0].headers['user-agent'], 'Menagerie/test')
})

test('another secret makes another signature', async (t) => {
  const receiver = await startWebhookReceiver({ secret: OTHER_SECRET })
  atEnd(t, 'receiver', () => receiver.stop())
  await openDeliver(t)({ url: receiver.url, ...WEBHOOK })
  assert.equal(receiver.received[0]?.isSignatureValid, false)
})

test('every secret signs, so that a receiver that knows any of them can verify', async (t) => {
  const secrets = [OTHER_SECRET, WEBHOOK_SECRET]
  for (const secret of secrets) {
    const receiver = await startWebhookReceiver({ secret })
    atEnd(t, 'receiver', () => receiver.stop())
    await openDeliver(t)({ ...WEBHOOK, url: receiver.url, secrets })
    assert.equal(receiver.received[0]?.isSignatureValid, true)
  }
})

for (const status of [200, 201, 204, 299]) {
  test(`${status} counts as delivered`, async (t) => {
    const url = await startServer(t, (_request, response) => response.writeHead(status).end())
    const { attempt } = await openDeliver(t)({ url, ...WEBHOOK })
    assert.equal(attempt.http_status, status)
    assert.equal(attempt.error, null)
    assert.ok(isDelivered(attempt))
  })
}

for (const status of [300, 400, 404, 410, 429, 500, 503]) {
  test(`${status} does not count as delivered`, async (t) => {
    const url = await startServer(t, (_request, response) => response.writeHead(status).end())
    const { attempt } = await openDeliver(t)({ url, ...WEBHOOK })
    assert.equal(attempt.http_status, status)
    assert.equal(isDelivered(attempt), false)
  })
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`a redirect (${status}) is not followed, and not delivered`, async (t) => {
    const target = await startWebhookReceiver()
    atEnd(t, 'target', () => target.stop())
    const url = await startServer(t, (_request, response) =>
      response.writeHead(status, { location: target.url }).end(),
    )
    const { attempt } = await openDeliver(t)({ url, ...WEBHOOK })
    assert.equal(attempt.http_status, status)
    assert.equal(isDelivered(attempt), false)
    assert.equal(target.received.length, 0)
  })
}

test('what the receiver says of when to come again is handed on', async (t) => {
  const url = await startServer(t, (_request, response) =>
    response.writeHead(503, { 'retry-after': '120' }).end(),
  )
  assert.equal((await openDeliver(t)({ url, ...WEBHOOK })).retryAfterMs, 120_000)
})

test('an answer of any size is cut, and its status counts', async (t) => {
  const url = await startServer(t, (_request, response) => {
    response.writeHead(200)
    const write = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    }
    response.on('drain', write)
    write()
  })
  assert.equal((await openDeliver(t)({ url, ...WEBHOOK })).attempt.http_status, 200)
})

test('a receiver that is silent for too long counts as failed', async (t) => {
  const url = await startServer(t, () => undefined)
  const { attempt } = await openDeliver(t, 200)({ url, ...WEBHOOK })
  assert.equal(attempt.http_status, null)
  assert.equal(attempt.error, 'timeout')
})

test('a receiver that is not there counts as failed', async (t) => {
  const { attempt } = await openDeliver(t)({ url: 'http://127.0.0.1:1/', ...WEBHOOK })
  assert.equal(attempt.error, 'ECONNREFUSED')
})

test('a receiver that hangs up counts as failed', async (t) => {
  const url = await startServer(t, (request) => request.socket.destroy())
  const { attempt } = await openDeliver(t)({ url, ...WEBHOOK })
  assert.equal(attempt.http_status, null)
  assert.match(attempt.error ?? '', /^[A-Z_]+$/)
})
