import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import { test, type TestContext } from 'node:test'
import { standInPath, weightsPath } from './cache-dir.ts'
import { ModelNotFoundError } from './model-not-found-error.ts'
import { resolveModel } from './resolve-model.ts'
import type { ResolveModelOptions } from './resolve-options.ts'
import { makeContent, ranged, startFileServer } from './testing/file-server.ts'
import { makeDirs, onnxHeader, putFile, putManifest } from './testing/model-dirs.ts'

async function setUp(t: TestContext) {
  const server = await startFileServer()
  t.after(() => server.close())
  const { content, bytes, sha256 } = makeContent(50_000)
  const dirs = await makeDirs(t)
  await putManifest(dirs.modelDir, { sha256, bytes, urls: [server.url('/gone'), server.url('/model')] })
  const warnings: string[] = []
  const log = { info: () => undefined, warn: (line: string) => void warnings.push(line) }
  const timing = { idleTimeoutMs: 5000, retryDelayMs: 1, triesPerUrl: 2, lockStaleMs: 2000 }
  const resolve = (more: Partial<ResolveModelOptions> = {}) =>
    resolveModel({ name: 'tiny', ...dirs, allowStandIn: false, log, timing, ...more })
  const paths = {
    own: weightsPath(dirs.modelDir, 'tiny'),
    cached: weightsPath(dirs.cacheDir, 'tiny'),
    standIn: standInPath(dirs.cacheDir, 'tiny'),
  }
  return { server, content, digest: `sha256:${sha256}`, paths, warnings, resolve }
}

async function attemptsOf(work: Promise<unknown>): Promise<[where: string, reason: string][]> {
  const error = await work.then(
    () => assert.fail('the model should not have been found'),
    (error: unknown) => error,
  )
  assert.ok(error instanceof ModelNotFoundError, String(error))
  for (const { where, reason } of error.attempts) assert.ok(error.message.includes(`${where}: ${reason}`))
  return error.attempts.map(({ where, reason }) => [where, reason])
}

test('the order is MODEL_DIR, cache, download, stand-in', async (t) => {
  const { server, content, digest, paths, warnings, resolve } = await setUp(t)
  await putFile(paths.own, content)
  await putFile(paths.cached, content)
  await putFile(paths.standIn, onnxHeader())
  server.on('/model', ranged(content))

  const own = await resolve({ allowStandIn: true })
  assert.equal(own.name, 'tiny')
  assert.deepEqual([own.source, own.path, own.digest, own.trained], ['model-dir', paths.own, digest, true])
  assert.equal(own.manifest.description, 'a model of a test')
  assert.deepEqual(own.labels, [
    ['n1', 'cat'],
    ['n2', 'dog'],
  ])

  await rm(paths.own)
  const cached = await resolve({ allowStandIn: true })
  assert.deepEqual(
    [cached.source, cached.path, cached.digest, cached.trained],
    ['cache', paths.cached, digest, true],
  )
  assert.equal(server.requests.length, 0)

  await rm(paths.cached)
  const fetched = await resolve({ allowStandIn: true })
  assert.deepEqual(
    [fetched.source, fetched.path, fetched.digest, fetched.trained],
    ['download', paths.cached, digest, true],
  )
  assert.deepEqual(await readFile(paths.cached), content)
  assert.equal((await resolve()).source, 'cache')

  await rm(paths.cached)
  const standIn = await resolve({ allowStandIn: true, download: false })
  assert.deepEqual([standIn.source, standIn.path, standIn.trained], ['stand-in', paths.standIn, false])
  assert.notEqual(standIn.digest, digest)
  assert.deepEqual(warnings, [])
})

test('when nothing gives the model, each place is named with its reason', async (t) => {
  const { server, paths, resolve } = await setUp(t)
  assert.deepEqual(await attemptsOf(resolve()), [
    [`MODEL_DIR ${paths.own}`, 'no such file'],
    [`cache ${paths.cached}`, 'no such file'],
    [`download ${server.url('/gone')}`, 'HTTP 404'],
    [`download ${server.url('/model')}`, 'HTTP 404'],
    ['stand-in', 'not allowed (it is untrained; ALLOW_STAND_IN=1 permits it)'],
  ])
  assert.deepEqual(await attemptsOf(resolve({ allowStandIn: true, download: false })), [
    [`MODEL_DIR ${paths.own}`, 'no such file'],
    [`cache ${paths.cached}`, 'no such file'],
    ['download', 'not permitted here'],
    [`stand-in ${paths.standIn}`, 'no such file ("pnpm model stand-in tiny" makes it)'],
  ])
})

test('a stand-in is refused unless allowed, also under the name of the model', async (t) => {
  const { paths, warnings, resolve } = await setUp(t)
  await putFile(paths.standIn, onnxHeader())
  await putFile(paths.own, onnxHeader())

  const [[where, reason] = []] = await attemptsOf(resolve())
  assert.equal(where, `MODEL_DIR ${paths.own}`)
  assert.match(reason ?? '', /untrained stand-in/)
  assert.equal(warnings.length, 1)

  const allowed = await resolve({ allowStandIn: true })
  assert.deepEqual([allowed.source, allowed.path, allowed.trained], ['model-dir', paths.own, false])
})

test('other weights in MODEL_DIR are used, loudly', async (t) => {
  const { digest, paths, warnings, resolve } = await setUp(t)
  const other = makeContent(100)
  await putFile(paths.own, other.content)
  const found = await resolve()
  assert.deepEqual([found.source, found.digest, found.trained], ['model-dir', `sha256:${other.sha256}`, true])
  assert.equal(warnings.length, 1)
  assert.ok(warnings[0]?.includes(other.sha256) && warnings[0].includes(digest))
})

test('a damaged file in the cache is replaced, or reported', async (t) => {
  const { server, content, paths, warnings, resolve } = await setUp(t)
  await putFile(paths.cached, content.subarray(1))
  const attempts = await attemptsOf(resolve({ download: false }))
  assert.match(attempts[1]?.[1] ?? '', /^has sha256:[0-9a-f]{64}, the manifest says sha256:/)
  assert.equal(warnings.length, 1)

  server.on('/model', ranged(content))
  assert.equal((await resolve()).source, 'download')
  assert.deepEqual(await readFile(paths.cached), content)
})

test('an aborted resolve ends with the reason of the signal', async (t) => {
  const { server, resolve } = await setUp(t)
  server.on('/gone', () => undefined)
  const stop = new AbortController()
  const reason = new Error('stopping')
  server.on('/gone', () => stop.abort(reason))
  await assert.rejects(resolve({ signal: stop.signal }), (error) => error === reason)
})

test('a MODEL_DIR that does not exist is said', async (t) => {
  const { server, content, paths, warnings, resolve } = await setUp(t)
  await putFile(paths.cached, content)
  await attemptsOf(resolve({ name: 'mobilenet-v2', modelDir: '/nowhere/models' }))
  assert.deepEqual(warnings, ['MODEL_DIR /nowhere/models does not exist'])
  assert.equal(server.requests.length, 0)
})
