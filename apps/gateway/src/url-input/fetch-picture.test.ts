/** Real servers on the loopback: 127.0.0.2 stands for the public internet here, every other address is private. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { createOutboundAgent, type Resolution } from '../outbound/agent.ts'
import { isPublicAddress } from '../outbound/public-address.ts'
import { atEnd } from '../testing/at-end.ts'
import { PICTURE } from '../testing/requests.ts'
import { createFetchPicture } from './fetch-picture.ts'
import { createPictureUrlPolicy } from './url-policy.ts'

const PUBLIC = '127.0.0.2'
const BYTES_MAX = 5000
// Of fetches that are to be cut off; others take as long as they need.
const SHORT_MS = 500

const startServer = async (t: TestContext, listener: RequestListener, host = PUBLIC, port = 0) => {
  const requests: IncomingMessage[] = []
  let connections = 0
  const server = createServer((request, response) => {
    requests.push(request)
    listener(request, response)
  })
  server.on('connection', () => (connections += 1))
  server.listen(port, host)
  await once(server, 'listening')
  atEnd(t, 'picture server', () => {
    server.closeAllConnections()
    server.close()
  })
  const { port: used } = server.address() as AddressInfo
  return { port: used, url: `http://${host}:${used}`, requests, countConnections: () => connections }
}

const waitForClose = async ({ requests: [request] }: { requests: IncomingMessage[] }): Promise<void> => {
  if (request?.socket.closed === false) await once(request.socket, 'close')
}

const sendPicture = (_request: unknown, response: ServerResponse): void => void response.end(PICTURE)

const isPublic: Resolution['isPublic'] = (host) => host === PUBLIC || isPublicAddress(host)

/** Answers each lookup with the next of these lists of addresses. */
const createLookup = (...answers: string[][]) => {
  const names: string[] = []
  const lookup: Resolution['lookup'] = (name, _options, callback) => {
    const addresses = answers[Math.min(names.length, answers.length - 1)] ?? []
    names.push(name)
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  }
  return { lookup, names }
}

const openFetch = (
  t: TestContext,
  {
    lookup = createLookup([]).lookup,
    timeoutMs = 30_000,
  }: { lookup?: Resolution['lookup']; timeoutMs?: number } = {},
) => {
  const agent = createOutboundAgent({ isPrivateAllowed: false, timeoutMs }, { lookup, isPublic })
  atEnd(t, 'agent', () => agent.destroy())
  const policy = createPictureUrlPolicy({ isPrivateAllowed: false }, isPublic)
  // As strict as ever, but that these servers speak http on ports of their own.
  const checkUrl = (text: string): URL => {
    const url = new URL(text)
    policy(`https://${url.hostname}/`)
    return url
  }
  const fetchPicture = createFetchPicture(
    { agent, checkUrl },
    { bytesMax: BYTES_MAX, timeoutMs, userAgent: 'Menagerie/test' },
  )
  return (url: string, signal = new AbortController().signal) => fetchPicture(url, signal)
}

test('fetches a picture, names it by its path, and says nothing about itself but its name', async (t) => {
  const server = await startServer(t, sendPicture)
  const upload = await openFetch(t)(`${server.url}/a/my%20dog.jpg?size=1#top`)
  assert.deepEqual(upload.bytes, PICTURE)
  assert.equal(upload.contentType, 'image/jpeg')
  assert.equal(upload.filename, 'my dog.jpg')
  const { headers, method } = server.requests[0]!
  assert.equal(method, 'GET')
  assert.equal(headers['user-agent'], 'Menagerie/test')
  assert.equal(headers['accept-encoding'], 'identity')
  for (const name of ['cookie', 'authorization', 'referer']) assert.equal(headers[name], undefined)
})

test('a name that changes its address after the check gains nothing: the checked one is connected to', async (t) => {
  const reached = await startServer(t, sendPicture)
  const target = await startServer(t, sendPicture, '127.0.0.1', reached.port)
  const { lookup, names } = createLookup([PUBLIC], ['127.0.0.1'])
  const fetchPicture = openFetch(t, { lookup })
  const url = `http://rebinding.example:${reached.port}/a.jpg`
  assert.deepEqual((await fetchPicture(url)).bytes, PICTURE)
  assert.deepEqual(names, ['rebinding.example'])
  // The next one asks again, hears the other address, and does not go there.
  await assert.rejects(fetchPicture(url), { code: 'url_refused', message: /private address/ })
  assert.equal(names.length, 2)
  assert.equal(reached.countConnections(), 1)
  assert.equal(target.countConnections(), 0)
})

for (const addresses of [
  ['127.0.0.1'],
  [PUBLIC, '127.0.0.1'],
  ['10.0.0.1', PUBLIC],
  ['::1'],
  ['::ffff:127.0.0.1'],
  ['64:ff9b::7f00:1'],
  ['2002:7f00:1::'],
  ['169.254.169.254'],
  ['100.64.0.1'],
  ['0.0.0.0'],
  [],
]) {
  test(`does not connect to a name with the addresses [${addresses.join(', ')}]`, async (t) => {
    const server = await startServer(t, sendPicture, '127.0.0.1')
    const fetchPicture = openFetch(t, { lookup: createLookup(addresses).lookup })
    await assert.rejects(fetchPicture(`http://pictures.example:${server.port}/`), { code: 'url_refused' })
    assert.equal(server.countConnections(), 0)
  })
}

test('redirects are followed where they lead to public addresses, three at most', async (t) => {
  const server = await startServer(t, ({ url = '' }, response) => {
    const left = Number(url.slice(1))
    if (left === 0) sendPicture(null, response)
    else response.writeHead(302, { location: `/${left - 1}` }).end('moved')
  })
  const fetchPicture = openFetch(t)
  assert.deepEqual((await fetchPicture(`${server.url}/3`)).bytes, PICTURE)
  assert.equal(server.requests.length, 4)
  const tooMany = { code: 'url_unreachable', message: /redirects more than 3 times/ }
  await assert.rejects(fetchPicture(`${server.url}/4`), tooMany)
  const loop = await startServer(t, (_request, response) => response.writeHead(307, { location: '/' }).end())
  await assert.rejects(fetchPicture(loop.url), tooMany)
  assert.equal(loop.requests.length, 4)
})

test('a redirect to a private address is not followed, at no hop, however it is spelt', async (t) => {
  const target = await startServer(t, sendPicture, '127.0.0.1')
  const { lookup } = createLookup(['127.0.0.1'])
  const fetchPicture = openFetch(t, { lookup })
  for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '0177.1', '[::ffff:127.0.0.1]', 'inner.example']) {
    const location = `http://${host}:${target.port}/`
    const server = await startServer(t, ({ url }, response) =>
      response.writeHead(302, { location: url === '/2' ? '/1' : location }).end(),
    )
    for (const path of ['/1', '/2']) {
      await assert.rejects(fetchPicture(`${server.url}${path}`), { code: 'url_refused' }, location)
    }
  }
  assert.equal(target.countConnections(), 0)
})

test('a picture over the cap is refused by its declared length, and while it arrives', async (t) => {
  const declared = await startServer(t, (_request, response) => {
    response.writeHead(200, { 'content-length': BYTES_MAX + 1 }).flushHeaders()
  })
  const fetchPicture = openFetch(t)
  await assert.rejects(fetchPicture(declared.url), { code: 'payload_too_large' })
  const endless = await startServer(t, (_request, response) => {
    const more = (): void => {
      if (!response.destroyed && response.write(PICTURE)) setImmediate(more)
    }
    response.on('drain', more)
    more()
  })
  await assert.rejects(fetchPicture(endless.url), { code: 'payload_too_large' })
  await waitForClose(endless)
})

test('the time counts for everything together: the headers, the body, one byte at a time', async (t) => {
  const silent = await startServer(t, () => undefined)
  const slow = await startServer(t, (_request, response) => {
    response.write(PICTURE)
    const timer = setInterval(() => response.write('x'), 20)
    response.on('close', () => clearInterval(timer))
  })
  const fetchPicture = openFetch(t, { timeoutMs: SHORT_MS })
  for (const { url } of [silent, slow]) {
    await assert.rejects(fetchPicture(url), { code: 'url_unreachable', message: /in time/ })
  }
})

test('who goes away ends the fetch', async (t) => {
  const client = new AbortController()
  const silent = await startServer(t, () => client.abort())
  await assert.rejects(openFetch(t)(silent.url, client.signal), { code: 'url_unreachable' })
  await waitForClose(silent)
})

test('what is no picture is refused, whatever it says it is', async (t) => {
  const page = await startServer(t, (_request, response) =>
    response.writeHead(200, { 'content-type': 'image/jpeg' }).end('<html>'.repeat(100)),
  )
  const empty = await startServer(t, (_request, response) => response.end())
  const fetchPicture = openFetch(t)
  await assert.rejects(fetchPicture(page.url), { code: 'image_type_unsupported' })
  await assert.rejects(fetchPicture(empty.url), { code: 'file_empty' })
})

test('other statuses, a body that breaks off and a host that is not there say that it cannot be fetched', async (t) => {
  const missing = await startServer(t, (_request, response) => response.writeHead(404).end(PICTURE))
  const broken = await startServer(t, (_request, response) => {
    response.writeHead(200, { 'content-length': BYTES_MAX })
    response.write(PICTURE, () => response.destroy())
  })
  const fetchPicture = openFetch(t)
  await assert.rejects(fetchPicture(missing.url), { code: 'url_unreachable', message: /status 404/ })
  for (const url of [broken.url, `http://${PUBLIC}:1/`]) {
    // Nothing of what went on below: it would map our network for whoever asks.
    await assert.rejects(fetchPicture(url), {
      code: 'url_unreachable',
      message: /^the picture cannot be fetched: its/,
    })
  }
})
