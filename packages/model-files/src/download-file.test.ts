import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DownloadError, type DownloadOptions, downloadFile } from './download-file.ts'
import type { DownloadProgress } from './fetch-part.ts'
import { deferred, held, makeContent, ranged, startFileServer, status, whole } from './testing/file-server.ts'
import { makeDirs } from './testing/model-dirs.ts'

const size = 300_000

async function setUp(t: TestContext) {
  const server = await startFileServer()
  t.after(() => server.close())
  const { content, bytes, sha256 } = makeContent(size)
  const path = join((await makeDirs(t)).cacheDir, 'model.onnx')
  const timing = { idleTimeoutMs: 5000, retryDelayMs: 1, triesPerUrl: 3 }
  const download = (paths: string[], more: Partial<DownloadOptions> = {}) =>
    downloadFile({
      urls: paths.map((path) => server.url(path)),
      path,
      bytes,
      sha256,
      signal: new AbortController().signal,
      timing,
      ...more,
    })
  return { server, content, path, part: `${path}.part`, timing, download }
}

const isMissing = async (path: string) => (await stat(path).catch(() => null)) === null

async function reasonsOf(work: Promise<void>): Promise<string[]> {
  const error = await work.then(
    () => assert.fail('the download should have failed'),
    (error: unknown) => error,
  )
  assert.ok(error instanceof DownloadError, String(error))
  return error.failures.map(({ reason }) => reason)
}

test('fetches the whole file, reports progress, leaves no part', async (t) => {
  const { server, content, path, part, download } = await setUp(t)
  server.on('/a', status(302, { location: '/b' }))
  server.on('/b', ranged(content))
  const progress: DownloadProgress[] = []
  await download(['/a'], { onProgress: (step) => progress.push(step) })

  assert.deepEqual(await readFile(path), content)
  assert.ok(await isMissing(part))
  const received = progress.map(({ receivedBytes }) => receivedBytes)
  assert.deepEqual(
    received,
    received.toSorted((a, b) => a - b),
  )
  assert.deepEqual(progress.at(-1), { receivedBytes: size, totalBytes: size })
})

test('a connection cut in the middle is resumed where it ended', async (t) => {
  const { server, content, path, download } = await setUp(t)
  const cut = deferred<'cut'>()
  server.on('/a', held(content, 100_000, cut.promise), ranged(content))
  await download(['/a'], {
    onProgress: ({ receivedBytes }) => {
      if (receivedBytes === 100_000) cut.resolve('cut')
    },
  })
  assert.deepEqual(await readFile(path), content)
  assert.deepEqual(
    server.requests.map(({ range }) => range),
    [undefined, 'bytes=100000-'],
  )
})

test('a part left by an earlier process is resumed, also from another address', async (t) => {
  const { server, content, path, part, download } = await setUp(t)
  await writeFile(part, content.subarray(0, 1234))
  server.on('/b', ranged(content))
  await download(['/gone', '/b'])
  assert.deepEqual(await readFile(path), content)
  assert.deepEqual(server.requests.at(-1), { path: '/b', range: 'bytes=1234-' })
})

test('a complete part needs no request', async (t) => {
  const { server, content, path, part, download } = await setUp(t)
  await writeFile(part, content)
  await download(['/a'])
  assert.deepEqual(await readFile(path), content)
  assert.equal(server.requests.length, 0)
})

test('a server that does not know ranges is read from the start', async (t) => {
  const { server, content, path, part, download } = await setUp(t)
  await writeFile(part, content.subarray(0, 1234))
  server.on('/a', whole(content))
  await download(['/a'])
  assert.deepEqual(await readFile(path), content)
})

test('a part with wrong bytes is not blamed on the address that completed it', async (t) => {
  const { server, content, path, part, download } = await setUp(t)
  await writeFile(part, Buffer.alloc(1234))
  server.on('/a', ranged(content))
  await download(['/a'])
  assert.deepEqual(await readFile(path), content)
  assert.deepEqual(
    server.requests.map(({ range }) => range),
    ['bytes=1234-', undefined],
  )
})

test('wrong content is refused and the next address asked', async (t) => {
  const { server, content, path, part, download } = await setUp(t)
  const other = makeContent(size)
  server.on('/wrong', ranged(other.content))
  server.on('/right', ranged(content))

  const [reason] = await reasonsOf(download(['/wrong']))
  assert.match(
    reason ?? '',
    new RegExp(`^wrong content: sha256 ${other.sha256}, the manifest says [0-9a-f]{64}$`),
  )
  assert.ok(await isMissing(path))
  assert.ok(await isMissing(part))

  await download(['/wrong', '/right'])
  assert.deepEqual(await readFile(path), content)
  assert.deepEqual(
    server.requests.map(({ path, range }) => [path, range]),
    [
      ['/wrong', undefined],
      ['/wrong', undefined],
      ['/right', undefined],
    ],
  )
})

test('every address that fails is named with its reason', async (t) => {
  const { server, content, path, download } = await setUp(t)
  server.on('/forbidden', status(403))
  server.on('/page', whole(Buffer.from('<html>')))
  server.on('/long', (_, response) => void response.writeHead(200).end(Buffer.concat([content, content])))
  const closed = await startFileServer()
  const unreachable = closed.url('/')
  await closed.close()

  const urls = [...['/gone', '/forbidden', '/page', '/long'].map((path) => server.url(path)), unreachable]
  assert.deepEqual(await reasonsOf(download([], { urls })), [
    'HTTP 404',
    'HTTP 403',
    `offers 6 bytes, the manifest says ${size}`,
    `sends more than the ${size} bytes of the manifest`,
    'cannot be reached (ECONNREFUSED)',
  ])
  assert.equal(server.requests.length, 4, 'none of these is worth a second try')
  assert.ok(await isMissing(path))
})

test('a busy server is asked again, a bounded number of times', async (t) => {
  const { server, content, path, download } = await setUp(t)
  server.on('/busy', status(503))
  server.on('/soon', status(429), status(503), ranged(content))
  await download(['/busy', '/soon'])
  assert.deepEqual(await readFile(path), content)
  assert.deepEqual(
    server.requests.map(({ path }) => path),
    ['/busy', '/busy', '/busy', '/soon', '/soon', '/soon'],
  )
})

test('a server that goes silent is given up', async (t) => {
  const { server, content, timing, download } = await setUp(t)
  server.on('/mute', () => undefined)
  server.on('/stuck', held(content, 1000, new Promise(() => undefined)))
  const brief = { ...timing, idleTimeoutMs: 100, triesPerUrl: 2 }
  assert.deepEqual(await reasonsOf(download(['/mute', '/stuck'], { timing: brief })), [
    'no data for 0.1 s',
    'connection lost (no data for 0.1 s)',
  ])
})

test('an abort ends it with its reason and keeps what arrived', async (t) => {
  const { server, content, part, download } = await setUp(t)
  server.on('/a', held(content, 5000, new Promise(() => undefined)))
  const stop = new AbortController()
  const reason = new Error('enough')
  const work = download(['/a'], { signal: stop.signal, onProgress: () => stop.abort(reason) })
  await assert.rejects(work, (error) => error === reason)
  assert.deepEqual(await readFile(part), content.subarray(0, 5000))
})
