// The command as people run it, on real files: a model of a few hundred bytes whose three classes are the red, the
// green and the blue of a picture; and the trained one and the kitten where the fixtures are.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findFixtures } from '@menagerie/inference/testing/fixtures'
import { paintSolid, toSharp } from '@menagerie/inference/testing/raw-picture'
import { CHANNEL_MEANS, encodeTinyModel } from '@menagerie/inference/testing/tiny-model'
import { loadManifest } from '@menagerie/model-files/manifest'
import { ensureStandIn } from './stand-in.ts'

const main = fileURLToPath(new URL('main.js', import.meta.url))
const fixtures = findFixtures(process.env)
const kitten = fixtures.path('models', 'densenet-121', 'kitten_224.png')
const kittenLogits = fixtures.path('models', 'densenet-121', 'densenet121_kitten_logits.csv')

const startServer = async (t: TestContext, content: Buffer): Promise<string> => {
  const server = createServer((_, response) => void response.end(content)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return `http://127.0.0.1:${address.port}/tiny.onnx`
}

/** A MODEL_DIR with the manifest of `tiny`, a picture that is mostly green, and the command on them. */
async function setUp(t: TestContext, changes: { crop?: number; labels?: Record<string, string[]> } = {}) {
  const { crop = 8, labels = { 0: ['n1', 'red'], 1: ['n2', 'green'], 2: ['n3', 'blue'] } } = changes
  const root = await mkdtemp(join(tmpdir(), 'menagerie-verify-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const weights = encodeTinyModel(CHANNEL_MEANS)
  const { manifest } = await loadManifest('mobilenet-v2')
  const file = {
    sha256: createHash('sha256').update(weights).digest('hex'),
    bytes: weights.length,
    urls: [await startServer(t, weights)],
  }
  const tiny = { ...manifest, name: 'tiny', file, labels: 'labels.json' }
  await mkdir(join(root, 'models', 'tiny'), { recursive: true })
  const inModel = (name: string) => join(root, 'models', 'tiny', name)
  const input = { ...manifest.input, resize: crop, crop }
  await writeFile(inModel('manifest.json'), JSON.stringify({ ...tiny, input }))
  await writeFile(inModel('labels.json'), JSON.stringify(labels))
  const green = join(root, 'green.png')
  await writeFile(
    green,
    await toSharp(paintSolid(20, 20, [20, 200, 90]))
      .png()
      .toBuffer(),
  )

  const run = async (args: string[], changes: Record<string, string> = {}) => {
    const env = {
      MODEL: 'tiny',
      MODEL_DIR: join(root, 'models'),
      MODEL_CACHE_DIR: join(root, 'cache'),
      FIXTURES_DIR: join(root, 'no-fixtures'),
      ...changes,
    }
    const command = spawn(process.execPath, [main, 'verify', ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    t.after(() => command.kill('SIGKILL'))
    const [out, err] = await Promise.all([text(command.stdout), text(command.stderr), once(command, 'exit')])
    // `what` → outcome
    const outcomes = Object.fromEntries(
      Array.from(out.matchAll(/^(ok|FAILED|not verified): +(\w+)/gm), ([, outcome, what]) => [what, outcome]),
    )
    return { out, err, outcomes, status: command.exitCode }
  }
  return { root, weights, own: inModel('model.onnx'), green, run }
}

const ALL_OK = { file: 'ok', size: 'ok', digest: 'ok', tensors: 'ok', labels: 'ok' }

test('the right file passes, and what could not be looked at is said', async (t) => {
  const { own, weights, run } = await setUp(t)
  await writeFile(own, weights)
  const { out, err, outcomes, status } = await run([])
  assert.deepEqual([status, err], [0, ''])
  assert.deepEqual(outcomes, { ...ALL_OK, picture: 'not verified' })
  assert.ok(out.includes(`${own} (model-dir)`))
  assert.ok(out.includes('picture [N, 3, 8, 8] float32 → scores [N, 3, 1, 1] float32'), out)
  assert.match(out, /no picture was named \(--picture <file>/)
})

test('a picture passes when its best class is the expected one, or in the expected range', async (t) => {
  const { own, weights, green, run } = await setUp(t)
  await writeFile(own, weights)
  for (const [expect, outcome, expectedStatus] of [
    ['1', 'ok', 0],
    ['0-1', 'ok', 0],
    ['1-2', 'ok', 0],
    ['2', 'FAILED', 1],
    ['2-7', 'FAILED', 1],
  ] as const) {
    const { out, err, outcomes, status } = await run(['tiny', '--picture', green, '--expect', expect])
    assert.deepEqual([status, outcomes['picture']], [expectedStatus, outcome], expect)
    assert.match(out, /is 1\n +0\.\d{4} {2}1 green\n +0\.\d{4} {2}2 blue\n +0\.\d{4} {2}0 red\n/)
    assert.equal(err, status === 0 ? '' : 'tiny: 1 of these checks failed\n')
  }
  const unchecked = await run(['--picture', green])
  assert.deepEqual([unchecked.status, unchecked.outcomes['picture']], [0, 'not verified'])
})

test('recorded logits are a yardstick: far off is no failure, another number of classes is', async (t) => {
  const { root, own, weights, green, run } = await setUp(t)
  await writeFile(own, weights)
  const logits = join(root, 'logits.csv')
  const compare = async (...values: number[]) => {
    await writeFile(logits, ['Index,Value', ...values.map((value, i) => `${i},${value}`)].join('\n'))
    return run(['--picture', green, '--expect', '1', '--logits', logits])
  }
  const far = await compare(100, 0, 50)
  assert.equal(far.status, 0)
  assert.match(far.out, /as the manifest says {3}mean \d+\.\d{3}, max \d+\.\d{3}, cosine -?\d\.\d{4}, 3 of 5/)
  assert.match(far.out, /RGB, ImageNet's mean {4}mean/)
  const other = await compare(100, 0)
  assert.equal(other.status, 1)
  assert.match(other.out, /FAILED: +picture +3 logits against 2/)
})

test('other bytes fail by size and digest; what is no model fails to load', async (t) => {
  const { own, weights, run } = await setUp(t)
  // A field that readers do not know: the same model in other bytes.
  await writeFile(own, Buffer.concat([weights, Buffer.from([0x98, 0x06, 0x01])]))
  const other = await run([])
  assert.equal(other.status, 1)
  assert.deepEqual(other.outcomes, { ...ALL_OK, size: 'FAILED', digest: 'FAILED', picture: 'not verified' })
  assert.match(other.err, /tiny: 2 of these checks failed\n$/)

  await writeFile(own, 'this is not a model')
  const broken = await run([])
  assert.equal(broken.status, 1)
  assert.deepEqual(broken.outcomes, { file: 'ok', size: 'FAILED', digest: 'FAILED', tensors: 'FAILED' })
})

test('a model that does not fit its manifest fails, with what each of them says', async (t) => {
  const large = await setUp(t, { crop: 224 })
  await writeFile(large.own, large.weights)
  const { out, outcomes, status } = await large.run([])
  assert.deepEqual([status, outcomes['tensors']], [1, 'FAILED'])
  assert.match(out, /takes \[N, 3, 8, 8\]; the manifest says \[N, 3, 224, 224\]/)

  const few = await setUp(t, { labels: { 0: ['n1', 'red'] } })
  await writeFile(few.own, few.weights)
  const labels = await few.run([])
  assert.deepEqual([labels.status, labels.outcomes['labels']], [1, 'FAILED'])
  assert.match(labels.out, /1 labels for 3 classes/)
})

test('missing weights end it with what was tried; only --download fetches them', async (t) => {
  const { root, run } = await setUp(t)
  const missing = await run([])
  assert.deepEqual([missing.status, missing.out], [1, ''])
  assert.match(
    missing.err,
    /no weights for model "tiny"\. Tried:\n.*MODEL_DIR.*\n.*cache.*\n.*not permitted here/,
  )
  assert.match(missing.err, /pnpm model pull tiny/)

  const fetched = await run(['--download'])
  assert.equal(fetched.status, 0)
  assert.ok(fetched.out.includes(`${join(root, 'cache', 'tiny', 'model.onnx')} (download)`))
  assert.ok((await run([])).out.includes('(cache)'))
})

test('the stand-in is not found, or found and refused', async (t) => {
  const { root, run } = await setUp(t)
  const standIn = await ensureStandIn({ cacheDir: join(root, 'cache'), name: 'densenet-121' })
  const hidden = await run(['densenet-121'])
  assert.equal(hidden.status, 1)
  assert.match(hidden.err, /stand-in: not allowed \(it is untrained/)

  const refused = await run(['densenet-121'], { ALLOW_STAND_IN: '1' })
  assert.equal(refused.status, 1)
  assert.deepEqual([refused.outcomes['digest'], refused.outcomes['tensors']], ['FAILED', 'ok'])
  assert.match(refused.out, /this is the untrained stand-in: its answers mean nothing/)
  assert.match(refused.out, /not verified: picture .*kitten_224\.png is not there: set FIXTURES_DIR/)

  const disguised = join(root, 'models', 'densenet-121')
  await mkdir(disguised)
  await copyFile(standIn, join(disguised, 'model.onnx'))
  const own = await run(['densenet-121'])
  assert.equal(own.status, 1)
  assert.match(own.err, /model\.onnx: is the untrained stand-in/)
})

test('the trained MobileNetV2 passes and sees a cat', { skip: fixtures.skip }, async (t) => {
  const { run } = await setUp(t)
  const args = ['mobilenet-v2', '--picture', kitten, '--expect', '281-285']
  const { out, outcomes, status } = await run(args, { MODEL_DIR: fixtures.path('models') })
  assert.equal(status, 0, out)
  assert.deepEqual(outcomes, { ...ALL_OK, picture: 'ok', logits: 'not verified' })
  assert.match(out, /0\.\d{4} {2}281 tabby\n/)
})

test('densenet-121 is given the kitten of the fixtures by itself', { skip: fixtures.skip }, async (t) => {
  const { root, run } = await setUp(t)
  await ensureStandIn({ cacheDir: join(root, 'cache'), name: 'densenet-121' })
  const env = { ALLOW_STAND_IN: '1', FIXTURES_DIR: fixtures.path() }
  const { out, outcomes, status } = await run(['densenet-121'], env)
  assert.deepEqual([status, outcomes['picture']], [1, 'FAILED'])
  assert.ok(out.includes(`${kitten}: must be a class from 281 to 285, is `), out)
  assert.match(out, /RGB, ImageNet's mean {4}mean \d+\.\d{3}/)

  const named = await run(['densenet-121', '--logits', kittenLogits, '--picture', kitten], env)
  assert.equal(named.out, out)
})

test('an expectation that is no class is a mistake in the command line', async (t) => {
  const { run } = await setUp(t)
  for (const expect of ['cat', '285-281', '-1', '1.5', '']) {
    const { out, err, status } = await run([`--expect=${expect}`])
    assert.deepEqual([out, status], ['', 2], expect)
    assert.match(err, /--expect must be an index, or two as in 281-285/)
  }
})
