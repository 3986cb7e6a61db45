import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { loadManifest } from '@menagerie/model-files/manifest'
import { resolveModel } from '@menagerie/model-files/resolve-model'
import proto from 'onnx-proto'
import * as ort from 'onnxruntime-node'
import { buildStandIn, ensureStandIn } from './stand-in.ts'

async function makeDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-model-tools-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

test('it has the parameters of DenseNet-121, as torchvision counts them', () => {
  const { graph, producerName } = proto.onnx.ModelProto.decode(buildStandIn())
  const learned = graph?.initializer?.filter(({ name }) => !/running_(mean|var)$/.test(name ?? '')) ?? []
  const sizes = learned.map(({ dims }) =>
    (dims ?? []).reduce<number>((product, dim) => product * Number(dim), 1),
  )
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    7_978_856,
  )
  assert.equal(graph?.node?.filter(({ opType }) => opType === 'Conv').length, 120)
  assert.equal(producerName, 'menagerie-stand-in')
})

test('two builds have the same bytes', () => {
  const digests = [buildStandIn(), buildStandIn()].map((bytes) =>
    createHash('sha256').update(bytes).digest('hex'),
  )
  assert.equal(digests[0], digests[1])
})

test('it runs, for any batch size, and its finite logits depend on the picture', async () => {
  const session = await ort.InferenceSession.create(buildStandIn(), { intraOpNumThreads: 1 })
  const pixels = 3 * 224 * 224
  const waves = (period: number) =>
    Float32Array.from({ length: pixels }, (_, index) => 2 * Math.sin(index / period))
  const run = async (batch: Float32Array[]) => {
    const data = new Float32Array(batch.length * pixels)
    for (const [index, picture] of batch.entries()) data.set(picture, index * pixels)
    const { logits } = await session.run({
      input: new ort.Tensor('float32', data, [batch.length, 3, 224, 224]),
    })
    assert.ok(logits?.data instanceof Float32Array)
    assert.deepEqual([...logits.dims], [batch.length, 1000])
    return logits.data
  }
  const one = await run([waves(7)])
  assert.ok(one.every(Number.isFinite))
  assert.ok(Math.max(...one) - Math.min(...one) > 1, 'the logits are not all alike')

  const two = await run([waves(7), waves(90)])
  const distance = (from: number) =>
    Math.max(...one.map((logit, index) => Math.abs(logit - (two[from + index] ?? 0))))
  assert.ok(distance(0) < 1e-3, 'the same picture has the same logits in a batch')
  assert.ok(distance(1000) > 0.1, 'another picture has others')
  await session.release()
})

test('it is made once, found the second time, and resolves as untrained', async (t) => {
  const cacheDir = await makeDir(t)
  const path = await ensureStandIn({ cacheDir, name: 'densenet-121' })
  assert.equal(path, join(cacheDir, 'densenet-121', 'stand-in.onnx'))
  assert.deepEqual(await readdir(dirname(path)), ['stand-in.onnx'])

  const { ino } = await stat(path)
  assert.equal(await ensureStandIn({ cacheDir, name: 'densenet-121' }), path)
  assert.equal((await stat(path)).ino, ino)

  const found = await resolveModel({ name: 'densenet-121', cacheDir, allowStandIn: true, download: false })
  assert.deepEqual([found.path, found.source, found.trained], [path, 'stand-in', false])
})

test('something else under its name is replaced', async (t) => {
  const cacheDir = await makeDir(t)
  const path = join(cacheDir, 'densenet-121', 'stand-in.onnx')
  await mkdir(dirname(path))
  await writeFile(path, 'half a file')
  await ensureStandIn({ cacheDir, name: 'densenet-121' })
  assert.ok((await readFile(path)).length > 30e6)
})

test('another model of the same shape gets it too and is told so; one of another shape does not', async (t) => {
  const dir = await makeDir(t)
  const lines: string[] = []
  const log = { info: (line: string) => void lines.push(line) }
  const path = await ensureStandIn({ cacheDir: dir, name: 'mobilenet-v2', log })
  assert.equal(path, join(dir, 'mobilenet-v2', 'stand-in.onnx'))
  assert.match(lines.join('\n'), /^the stand-in for mobilenet-v2 is an untrained densenet-121/)

  const { manifest } = await loadManifest('mobilenet-v2')
  const wide = {
    ...manifest,
    name: 'wide',
    input: { ...manifest.input, resize: 342, crop: 299 },
    labels: 'labels.json',
  }
  await mkdir(join(dir, 'wide'))
  await writeFile(join(dir, 'wide', 'manifest.json'), JSON.stringify(wide))
  await writeFile(join(dir, 'wide', 'labels.json'), '{"0":["n1","cat"]}')
  await assert.rejects(
    ensureStandIn({ cacheDir: dir, modelDir: dir, name: 'wide' }),
    /^Error: there is no stand-in for model "wide": it takes 299×299 pixels and has 1 classes/,
  )
})
