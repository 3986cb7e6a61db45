// The first start downloads the model: two workers on one machine ask for it once, go on where a cut connection ended,
// and serve; a file with other bytes than the manifest says is never served.
import { readTestPicture } from '@menagerie/harness/pictures'
import { isReady, startWorker, waitUntil } from '@menagerie/harness/processes'
import { CHANNEL_MEANS, encodeTinyModel } from '@menagerie/inference/testing/tiny-model'
import { loadManifest } from '@menagerie/model-files/manifest'
import { deferred, held, ranged, startFileServer } from '@menagerie/model-files/testing/file-server'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startService } from './service.ts'

const MODEL = 'tiny'
const WEIGHTS = encodeTinyModel(CHANNEL_MEANS)
const CUT_AFTER = 20

/** A MODEL_DIR with a manifest that points at a server on loopback, an empty cache, and a service for that model. */
const setUp = async (t: TestContext) => {
  const server = await startFileServer()
  t.after(() => server.close())
  const root = await mkdtemp(join(tmpdir(), 'menagerie-download-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const folder = join(root, 'models', MODEL)
  await mkdir(folder, { recursive: true })
  const { manifest } = await loadManifest('mobilenet-v2')
  const sha256 = createHash('sha256').update(WEIGHTS).digest('hex')
  const own = {
    name: MODEL,
    file: { sha256, bytes: WEIGHTS.length, urls: [server.url('/model')] },
    input: { ...manifest.input, resize: 8, crop: 8 },
    labels: 'labels.json',
  }
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, ...own }))
  await writeFile(join(folder, 'labels.json'), '{"0":["n1","red"],"1":["n2","green"],"2":["n3","blue"]}')
  const service = await startService(t, {
    MODEL,
    MODEL_DIR: join(root, 'models'),
    MODEL_CACHE_DIR: join(root, 'cache'),
    MODEL_DOWNLOAD: '1',
    ALLOW_STAND_IN: '0',
    INFERENCE_THREADS: '1',
  })
  const start = async () => {
    const worker = await startWorker(service.env, { mustBeReady: false })
    t.after(() => worker.kill('SIGKILL'))
    return worker
  }
  return {
    server,
    service,
    start,
    digest: `sha256:${sha256}`,
    cached: join(root, 'cache', MODEL, 'model.onnx'),
  }
}

test('two workers that start at once download once, over a cut connection, and both serve', async (t) => {
  const { server, service, start, digest, cached } = await setUp(t)
  const cut = deferred<'cut'>()
  server.on('/model', held(WEIGHTS, CUT_AFTER, cut.promise), ranged(WEIGHTS))

  const workers = await Promise.all([start(), start()])
  await waitUntil('one waits for the other', () =>
    workers.some((worker) => worker.log().includes('another process is downloading tiny: waiting for it')),
  )
  await waitUntil(
    'a part has arrived',
    async () => (await stat(`${cached}.part`).catch(() => null))?.size === CUT_AFTER,
  )
  cut.resolve('cut')
  for (const { url } of workers) await waitUntil('the worker is ready', () => isReady(url))

  assert.deepEqual(
    server.requests.map(({ path, range }) => [path, range]),
    [
      ['/model', undefined],
      ['/model', `bytes=${CUT_AFTER}-`],
    ],
  )
  assert.deepEqual(await readFile(cached), WEIGHTS)
  const sources = workers.map((worker) => /"source":"(\w+)"/.exec(worker.log())?.[1])
  assert.deepEqual(new Set(sources), new Set(['cache', 'download']))

  const { id } = await service.submit(await readTestPicture())
  const [prediction] = await service.waitForAll([id])
  assert.equal(prediction?.status, 'succeeded')
  assert.deepEqual(prediction?.model, { name: MODEL, digest, trained: true })
  for (const worker of workers) assert.equal(await worker.stop(), 0, worker.log())
})

test('a worker that is offered other bytes ends with what it got, and keeps none of them', async (t) => {
  const { server, start, digest, cached } = await setUp(t)
  const wrong = Buffer.from(WEIGHTS.toReversed())
  server.on('/model', ranged(wrong))
  const worker = await start()
  await waitUntil('the worker has ended', () => worker.child.exitCode !== null)

  assert.notEqual(worker.child.exitCode, 0)
  const got = createHash('sha256').update(wrong).digest('hex')
  const reason = `wrong content: sha256 ${got}, the manifest says ${digest.slice('sha256:'.length)}`
  assert.ok(worker.log().includes(reason), worker.log())
  for (const path of [cached, `${cached}.part`]) {
    assert.equal(await stat(path).catch(() => null), null, path)
  }
})
