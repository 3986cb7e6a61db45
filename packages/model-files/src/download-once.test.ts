// Workers that start at once on one machine download the model once; one that dies does not block the others.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { weightsPath } from './cache-dir.ts'
import { deferred, held, makeContent, ranged, startFileServer } from './testing/file-server.ts'
import { makeDirs, putManifest } from './testing/model-dirs.ts'

const child = fileURLToPath(new URL('testing/resolve-child.js', import.meta.url))

async function setUp(t: TestContext) {
  const server = await startFileServer()
  t.after(() => server.close())
  const { content, bytes, sha256 } = makeContent(200_000)
  const dirs = await makeDirs(t)
  await putManifest(dirs.modelDir, { sha256, bytes, urls: [server.url('/model')] })
  const start = (lockStaleMs = 20_000) => startChild(t, [dirs.modelDir, dirs.cacheDir, String(lockStaleMs)])
  return { server, content, path: weightsPath(dirs.cacheDir, 'tiny'), start }
}

function startChild(t: TestContext, args: string[]) {
  const worker = spawn(process.execPath, [child, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => worker.kill('SIGKILL'))
  return { worker, said: saidOf(worker), result: () => resultOf(worker) }
}

async function resultOf({ stdout }: ChildProcess): Promise<{ path: string; source: string }> {
  assert.ok(stdout)
  const result: unknown = JSON.parse(await text(stdout))
  assert.ok(typeof result === 'object' && result !== null && 'path' in result && 'source' in result)
  return { path: String(result.path), source: String(result.source) }
}

/** Resolves once the process has written a line that contains the words. */
function saidOf({ stderr }: ChildProcess): (words: string) => Promise<void> {
  let all = ''
  stderr?.setEncoding('utf8').on('data', (piece: string) => (all += piece))
  return async (words) => {
    while (!all.includes(words)) await once(stderr!, 'data', { signal: AbortSignal.timeout(20_000) })
  }
}

test('two processes that start at once make one request', async (t) => {
  const { server, content, path, start } = await setUp(t)
  const release = deferred<'finish'>()
  server.on('/model', held(content, 1000, release.promise))

  const children = [start(), start()]
  await Promise.race(children.map(({ said }) => said('waiting for it')))
  release.resolve('finish')

  const results = await Promise.all(children.map(({ result }) => result()))
  assert.deepEqual(results.map(({ source }) => source).toSorted(), ['cache', 'download'])
  assert.deepEqual(new Set(results.map(({ path }) => path)), new Set([path]))
  assert.equal(server.requests.length, 1)
  assert.deepEqual(await readFile(path), content)
})

test('when a downloader is killed, the next one goes on with its part', async (t) => {
  const { server, content, path, start } = await setUp(t)
  server.on('/model', held(content, 1000, new Promise(() => undefined)), ranged(content))

  const first = start()
  while (((await stat(`${path}.part`).catch(() => null))?.size ?? 0) < 1000) {
    await new Promise((done) => setTimeout(done, 20))
  }
  first.worker.kill('SIGKILL')
  await once(first.worker, 'exit')

  const second = start(2000)
  assert.equal((await second.result()).source, 'download')
  assert.deepEqual(await readFile(path), content)
  assert.deepEqual(
    server.requests.map(({ range }) => range),
    [undefined, 'bytes=1000-'],
  )
})
