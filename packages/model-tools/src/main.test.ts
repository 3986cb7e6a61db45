import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadManifest } from '@menagerie/model-files/manifest'

const main = fileURLToPath(new URL('main.js', import.meta.url))

/** A MODEL_DIR with the model `tiny`, whose weights a server on loopback offers, and the command on it. */
async function setUp(t: TestContext) {
  const content = Buffer.alloc(3_000_000, 'weights')
  const server = createServer((_, response) => void response.end(content)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)

  const root = await mkdtemp(join(tmpdir(), 'menagerie-model-cli-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const [modelDir, cacheDir] = [join(root, 'models'), join(root, 'cache')]
  await mkdir(join(modelDir, 'tiny'), { recursive: true })
  const sha256 = createHash('sha256').update(content).digest('hex')
  const file = { sha256, bytes: content.length, urls: [`http://127.0.0.1:${address.port}/tiny.onnx`] }
  const manifest = {
    ...(await loadManifest('mobilenet-v2')).manifest,
    name: 'tiny',
    file,
    labels: 'labels.json',
  }
  await writeFile(join(modelDir, 'tiny', 'manifest.json'), JSON.stringify(manifest))
  await writeFile(join(modelDir, 'tiny', 'labels.json'), '{"0":["n1","cat"]}')

  const run = async (...args: string[]) => {
    const env = { MODEL: 'tiny', MODEL_DIR: modelDir, MODEL_CACHE_DIR: cacheDir }
    const command = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(() => command.kill('SIGKILL'))
    const [out, err] = await Promise.all([text(command.stdout), text(command.stderr), once(command, 'exit')])
    return { out, err, status: command.exitCode }
  }
  return {
    sha256,
    cached: join(cacheDir, 'tiny', 'model.onnx'),
    own: join(modelDir, 'tiny', 'model.onnx'),
    run,
  }
}

test('pull fetches the model, shows each 10 % once, and ends with path and digest', async (t) => {
  const { sha256, cached, run } = await setUp(t)
  const first = await run('pull')
  assert.equal(first.status, 0)
  assert.equal(first.out, `${cached}\nsha256:${sha256}\n`)
  const percents = [...first.err.matchAll(/^(\d+) % of 3\.0 MB$/gm)].map(([, percent]) => Number(percent))
  assert.deepEqual(
    percents,
    [...new Set(percents)].toSorted((a, b) => a - b),
  )
  assert.equal(percents.at(-1), 100)

  const second = await run('pull', 'tiny')
  assert.deepEqual(second, { out: first.out, err: '', status: 0 })
})

test('pull of a model that is nowhere to be had says what was tried', async (t) => {
  const { run } = await setUp(t)
  const { out, err, status } = await run('pull', 'mobilenet-v2')
  assert.deepEqual([out, status], ['', 1])
  assert.match(
    err,
    /no weights for model "mobilenet-v2". Tried:\n {2}- MODEL_DIR .*\n {2}- cache .*\n {2}- download: /,
  )
})

test('list shows what is known and what is here', async (t) => {
  const { cached, own, run } = await setUp(t)
  await run('pull')
  await writeFile(own, 'others')
  const { out, status } = await run('list')
  assert.equal(status, 0)
  assert.deepEqual(
    out
      .trim()
      .split('\n')
      .map((line) => line.split(/ {2,}/)),
    [
      ['MODEL', 'WHERE', 'SIZE', 'DIGEST', 'FILE'],
      ['densenet-121', 'not here', '32.7 MB', '-', '-'],
      ['mobilenet-v2', 'not here', '14.0 MB', '-', '-'],
      ['tiny', 'model-dir', '0.0 MB', 'DIFFERS', own],
      ['tiny', 'cache', '3.0 MB', 'matches', cached],
    ],
  )
})

test('stand-in builds one and prints its path', async (t) => {
  const { cached, run } = await setUp(t)
  const path = join(cached, '..', '..', 'densenet-121', 'stand-in.onnx')
  assert.deepEqual(await run('stand-in', 'densenet-121'), { out: `${path}\n`, err: '', status: 0 })
  const { err, status } = await run('stand-in')
  assert.equal(status, 1)
  assert.match(err, /there is no stand-in for model "tiny"/)
})

test('help and mistakes', async (t) => {
  const { run } = await setUp(t)
  const help = await run('--help')
  assert.equal(help.status, 0)
  assert.match(help.out, /^Usage: pnpm model <command>/)
  for (const args of [
    [],
    ['fetch'],
    ['list', 'tiny'],
    ['pull', 'a', 'b'],
    ['--nope'],
    ['pull', '--download'],
  ]) {
    const { out, err, status } = await run(...args)
    assert.deepEqual([out, status], ['', 2], args.join(' '))
    assert.match(err, /Usage: pnpm model <command>/)
  }
  assert.match(
    (await run('pull', 'resnet')).err,
    /unknown model "resnet"; known are: densenet-121, mobilenet-v2, tiny/,
  )
})
