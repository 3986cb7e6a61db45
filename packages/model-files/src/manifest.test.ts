import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadLabels } from './labels.ts'
import { listManifests, loadManifest } from './manifest.ts'
import { makeDirs, putFile, putManifest } from './testing/model-dirs.ts'

const file = { sha256: '0'.repeat(64), bytes: 1, urls: [] }

test('the models of the project are valid and have 1000 labels each', async () => {
  const all = await listManifests()
  assert.deepEqual(
    all.map(({ manifest }) => manifest.name),
    ['densenet-121', 'mobilenet-v2'],
  )
  for (const loaded of all) {
    const labels = await loadLabels(loaded)
    assert.equal(labels.length, 1000)
    assert.deepEqual(labels[0], ['n01440764', 'tench'])
    assert.deepEqual(labels[207], ['n02099601', 'golden_retriever'])
  }
})

test('the animals of our models are the 398 classes from tench to puffer', async () => {
  // In WordNet 3.0 the ids of nouns run through one topic after the other: animals end before n02660000, and things
  // begin with n02666196, abacus.
  const ANIMALS_END = 'n02660000'
  for (const loaded of await listManifests()) {
    const { animals } = loaded.manifest
    const labels = await loadLabels(loaded)
    assert.ok(animals !== undefined)
    const indexes = labels.flatMap(([id], index) => (id < ANIMALS_END ? [index] : []))
    assert.deepEqual(
      indexes,
      Array.from({ length: 398 }, (_, index) => index),
    )
    assert.deepEqual([animals.first, animals.last], [indexes[0], indexes.at(-1)])
    assert.deepEqual([labels[animals.first]?.[1], labels[animals.last]?.[1]], ['tench', 'puffer'])
  }
})

test('densenet-121 takes BGR and divides by 1/0.017', async () => {
  const { manifest } = await loadManifest('densenet-121')
  assert.equal(manifest.input.channels, 'BGR')
  assert.deepEqual(manifest.input.mean, [103.94, 116.78, 123.68])
  assert.ok(manifest.input.std.every((std) => Math.abs(std * 0.017 - 1) < 1e-12))
})

test('MODEL_DIR adds models and replaces ours', async (t) => {
  const { modelDir } = await makeDirs(t)
  await putManifest(modelDir, file)
  await putFile(join(modelDir, 'notes.txt'), 'not a model')
  await putFile(join(modelDir, 'densenet-121', 'model.onnx'), 'weights without a manifest')
  const names = (await listManifests({ modelDir })).map(({ manifest }) => manifest.name)
  assert.deepEqual(names, ['densenet-121', 'mobilenet-v2', 'tiny'])

  const tiny = await loadManifest('tiny', { modelDir })
  assert.equal(tiny.path, join(modelDir, 'tiny', 'manifest.json'))
  assert.deepEqual(await loadLabels(tiny), [
    ['n1', 'cat'],
    ['n2', 'dog'],
  ])
  assert.notEqual((await loadManifest('densenet-121', { modelDir })).manifest.input.crop, 8)

  const ours = { ...tiny.manifest, name: 'densenet-121' }
  await putFile(join(modelDir, 'densenet-121', 'manifest.json'), JSON.stringify(ours))
  assert.equal((await loadManifest('densenet-121', { modelDir })).manifest.input.crop, 8)
})

test('an unknown name is told the known ones, and never leaves the directory', async () => {
  for (const name of ['resnet', '../models/densenet-121', '', '__proto__']) {
    await assert.rejects(
      loadManifest(name),
      /^Error: unknown model ".*"; known are: densenet-121, mobilenet-v2\./,
    )
  }
})

test('a bad manifest names file, field and rule', async (t) => {
  const { modelDir } = await makeDirs(t)
  const path = join(modelDir, 'tiny', 'manifest.json')
  const { input } = (await loadManifest('mobilenet-v2')).manifest
  const cases: [changes: Record<string, unknown>, expected: string][] = [
    [{ file: { ...file, bytes: 0 } }, 'file.bytes must be >= 1'],
    [{ labels: undefined }, 'must have required properties labels'],
    [{ output: 'softmax' }, 'output must be equal to constant'],
    [{ name: 'other' }, 'name must be "tiny", as its folder is'],
    [{ input: { ...input, crop: 257 } }, 'input.crop (257) must be at most input.resize (256)'],
  ]
  for (const [changes, expected] of cases) {
    await putManifest(modelDir, file, changes)
    await assert.rejects(loadManifest('tiny', { modelDir }), {
      message: `${path} is not a valid model manifest: ${expected}`,
    })
  }
  await putFile(path, '{')
  await assert.rejects(loadManifest('tiny', { modelDir }), /manifest\.json: is not valid JSON/)
})

test('labels must be pairs without a gap', async (t) => {
  const { modelDir } = await makeDirs(t)
  await putManifest(modelDir, file)
  const tiny = await loadManifest('tiny', { modelDir })
  for (const [text, expected] of [
    ['{"0":["n1","cat"],"2":["n3","cow"]}', /labels\.json: "1" must be/],
    ['{"0":"cat"}', /labels\.json: "0" must be/],
    ['{}', /labels\.json: has no labels/],
    ['null', /labels\.json: must be an object/],
  ] as const) {
    await putFile(join(modelDir, 'tiny', 'labels.json'), text)
    await assert.rejects(loadLabels(tiny), expected)
  }
})
