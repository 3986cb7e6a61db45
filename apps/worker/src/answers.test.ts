// What a worker answers with, end to end: a real queue, a real model, real pictures.
import { PredictReturnValue } from '@menagerie/contract/job'
import type { ModelManifest } from '@menagerie/contract/model-manifest'
import { FIXTURES_DIR, photoPath } from '@menagerie/harness/paths'
import { makeJpeg, readTestPicture } from '@menagerie/harness/pictures'
import { standInEnv } from '@menagerie/harness/processes'
import { standInPath } from '@menagerie/model-files/cache-dir'
import { loadManifest } from '@menagerie/model-files/manifest'
import { createKeys } from '@menagerie/shared/keys'
import { createWorkerRegistry } from '@menagerie/shared/worker-registry'
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import Value from 'typebox/value'
import { openTestQueue } from './testing/open-test-worker.ts'

type TestQueue = Awaited<ReturnType<typeof openTestQueue>>
let queue: TestQueue

before(async () => {
  queue = await openTestQueue()
})
after(() => queue.close())

const openWorker = async (t: TestContext, changes: Record<string, string> = {}) => {
  const worker = await queue.openWorker(changes)
  t.after(() => worker.close())
}

const classify = async (picture: Buffer, topK: number): Promise<PredictReturnValue> => {
  const outcome = await queue.outcomeOf(await queue.add(queue.makeData({ top_k: topK }), picture))
  assert.ok('value' in outcome && Value.Check(PredictReturnValue, outcome.value), JSON.stringify(outcome))
  return outcome.value
}

const readRegistered = async () => {
  const registry = createWorkerRegistry({ redis: queue.redis, keys: createKeys(queue.env.REDIS_PREFIX) })
  return (await registry.listModels())[0]
}

/** Settings for the stand-in under the name of the queue's model, with some changes in its manifest. */
const standInWith = async (t: TestContext, changes: Partial<Record<keyof ModelManifest, unknown>>) => {
  const name = queue.env['MODEL'] ?? ''
  const root = await mkdtemp(join(tmpdir(), 'menagerie-answers-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const { manifest, path } = await loadManifest(name)
  const labels = resolve(dirname(path), manifest.labels)
  await mkdir(join(root, name))
  await writeFile(join(root, name, 'manifest.json'), JSON.stringify({ ...manifest, ...changes, labels }))
  const cacheDir = (await standInEnv())['MODEL_CACHE_DIR'] ?? ''
  await symlink(standInPath(cacheDir, 'densenet-121'), join(root, name, 'model.onnx'))
  return { MODEL_DIR: root, ALLOW_STAND_IN: '1' }
}

const trained = { skip: FIXTURES_DIR === null ? 'no trained weights and photos here' : false }
const readDog = () => readFile(photoPath('n02099601_golden_retriever.jpg'))
const readTruck = () => readFile(photoPath('n04467665_trailer_truck.jpg'))
const DOG = 207
const TRUCK = 867
const ANIMAL_LAST = 397

test('a clear photo is confident, a picture of nothing is not, whatever top_k is', trained, async (t) => {
  await openWorker(t)
  for (const topK of [1, 5]) {
    const dog = await classify(await readDog(), topK)
    assert.deepEqual([dog.top_k[0]?.[0], dog.top_k.length, dog.confident], [DOG, topK, true])
    assert.equal((await classify(await makeJpeg(), topK)).confident, false)
  }
})

test('with ANIMALS_ONLY=1 a dog stays what it was, and a truck is an unsure animal', trained, async () => {
  const among = async (ANIMALS_ONLY: string) => {
    const worker = await queue.openWorker({ ANIMALS_ONLY })
    const answers = [await classify(await readDog(), 20), await classify(await readTruck(), 20)] as const
    await worker.close()
    return { answers, registered: await readRegistered() }
  }
  const { answers: all, registered } = await among('0')
  assert.deepEqual([all[1].top_k[0]?.[0], all[1].confident], [TRUCK, true])

  const { answers: narrowed, registered: registeredNarrowed } = await among('1')
  assert.deepEqual([narrowed[0].top_k[0], narrowed[0].confident], [all[0].top_k[0], true])
  assert.equal(narrowed[1].confident, false)
  for (const { top_k } of narrowed) {
    assert.equal(top_k.length, 20)
    assert.ok(top_k.every(([index]) => index <= ANIMAL_LAST))
  }
  // The stored answers of one must not be served for the other.
  assert.deepEqual([registered?.animals_only, registeredNarrowed?.animals_only], [false, true])
  assert.notEqual(registered?.fingerprint, registeredNarrowed?.fingerprint)
})

test('the untrained stand-in is never confident, even where the rule lets everything pass', async (t) => {
  const all = { probability_min: 0, margin_min: 0 }
  await openWorker(t, await standInWith(t, { confidence: all }))
  const answer = await classify(await readTestPicture(), 5)
  assert.deepEqual([answer.trained, answer.confident], [false, false])
})

test('ANIMALS_ONLY=1 ends the start when the manifest does not name the animals', async (t) => {
  const settings = await standInWith(t, { animals: undefined })
  await assert.rejects(
    queue.openWorker({ ...settings, ANIMALS_ONLY: '1' }),
    /ANIMALS_ONLY=1, but the manifest of .* does not say which classes are animals/,
  )
})
